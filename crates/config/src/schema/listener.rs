//! The `listen` node and its encryption.

use super::Count::Some;
use super::Kind::{Choice, Form, Integer, OneOf, Text};
use super::layer4::{FORWARD, PASS_ROUTE, PROXY_PROTOCOL};
use super::{NODE, NodeSpec, Support, arg, args, built, later, prop};

const LATER: NodeSpec = NodeSpec { support: Support::Later, ..NODE };

pub(super) static LISTEN: NodeSpec = NodeSpec {
    name: "listen",
    doc: "Accepts connections at an address. `:80` and `*:80` are every address of both \
          families; `localhost:80` is `127.0.0.1` and `::1`.",
    args: &[arg("address", super::process::ADDRESS, "where to listen")],
    props: &[prop(
        "protocol",
        Choice(&[built("http"), built("tcp"), built("udp"), built("tls-passthrough")]),
        "what is spoken there",
    )
    .default("http")],
    children: &[&PROTOCOLS, &TLS, &REDIRECT_HTTPS, &PROXY_PROTOCOL, &FORWARD, &PASS_ROUTE],
    repeats: true,
    ..NODE
};

static PROTOCOLS: NodeSpec = NodeSpec {
    name: "protocols",
    doc: "The HTTP versions that clients may speak; all that are built where there is no such \
          node. Without `tls`, HTTP/2 is for clients that know beforehand (h2c).",
    args: &[args(
        "version",
        Choice(&[built("h1"), built("h2"), later("h3")]),
        Some,
        "an HTTP version",
    )],
    ..NODE
};

static REDIRECT_HTTPS: NodeSpec = NodeSpec {
    name: "redirect-https",
    doc: "Redirects every request to the same host and path by HTTPS.",
    props: &[
        prop("port", Integer(1, 65535), "the port there").default("443"),
        prop("status", OneOf(&[301, 302, 307, 308]), "the status").default("308"),
    ],
    ..NODE
};

static TLS: NodeSpec = NodeSpec {
    name: "tls",
    doc: "Encrypts the listener. Certificates are chosen by the name that a client asks for; \
          files that change are loaded again.",
    children: &[
        &CERTIFICATE,
        &CERTIFICATES,
        &UNKNOWN_NAME,
        &POLICY,
        &MIN_VERSION,
        &CLIENT_AUTH,
        &NodeSpec { name: "automatic", doc: "Gets certificates by ACME.", ..LATER },
    ],
    ..NODE
};

static CERTIFICATE: NodeSpec = NodeSpec {
    name: "certificate",
    doc: "A certificate for the names in it. The first one is the default. Two for the same \
          names, ECDSA and RSA, stand side by side.",
    args: &[arg("file", Text, "the certificate and its chain, PEM")],
    props: &[
        prop("key", Text, "its private key, PEM").default("the same file"),
        prop("ocsp", Text, "an OCSP response to staple, DER"),
    ],
    repeats: true,
    ..NODE
};

static CERTIFICATES: NodeSpec = NodeSpec {
    name: "certificates",
    doc: "A directory of certificates, loaded when a client first asks for the name: \
          `example.com.pem` with `example.com.key`, and `_.example.com.pem` for \
          `*.example.com`.",
    args: &[arg("directory", Text, "the directory")],
    props: &[
        prop("loaded-max", Integer(1, 10_000_000), "certificates kept in memory").default("10000")
    ],
    ..NODE
};

static UNKNOWN_NAME: NodeSpec = NodeSpec {
    name: "unknown-name",
    doc: "What a client gets that asks for a name without a certificate: the default \
          certificate, or an alert. Where there is no `certificate`, `refuse` is the default, \
          else `default`.",
    args: &[arg("answer", Choice(&[built("default"), built("refuse")]), "what it gets")],
    ..NODE
};

static POLICY: NodeSpec = NodeSpec {
    name: "policy",
    doc: "Versions, ciphers and groups in one word. `compatible`, the default, is TLS 1.2 and \
          1.3; `modern` is TLS 1.3 only.",
    args: &[arg("policy", Choice(&[built("compatible"), built("modern")]), "which")],
    ..NODE
};

static MIN_VERSION: NodeSpec = NodeSpec {
    name: "min-version",
    doc: "The lowest version of TLS, where the policy allows a lower one.",
    args: &[arg("version", Choice(&[built("1.2"), built("1.3")]), "the version")],
    ..NODE
};

static CLIENT_AUTH: NodeSpec = NodeSpec {
    name: "client-auth",
    doc: "Asks clients for a certificate. What is verified goes to origins in a field \
          (RFC 9440); the same field from clients is always dropped.",
    args: &[arg(
        "mode",
        Choice(&[built("none"), built("optional"), built("required")]),
        "whether a client must have one",
    )],
    props: &[
        prop("ca", Text, "the authorities that vouch for clients, PEM"),
        prop("crl", Text, "revoked certificates, PEM or DER"),
        prop("header", FIELD, "the field for the certificate").default("Client-Cert"),
        prop("chain-header", FIELD, "the field for its chain").default("not sent"),
    ],
    ..NODE
};

const FIELD: super::Kind = Form("a field name such as \"Client-Cert\"");
