//! Nodes of an upstream.

use super::Count::Some;
use super::Kind::{Bool, Choice, Duration, Form, Integer, Text};
use super::{NODE, NodeSpec, arg, args, balance, built, prop};

pub(super) static UPSTREAM: NodeSpec = NodeSpec {
    name: "upstream",
    doc: "A named group of origin servers.",
    args: &[arg("name", Text, "the name that `proxy` uses")],
    children: &[
        &SERVER,
        &super::discover::DISCOVER,
        &super::discover::SERVERS_MAX,
        &balance::BALANCE,
        &CONNECTIONS,
        &TIMEOUTS,
        &PROTOCOL,
        &balance::STICKY,
        &super::health::HEALTH_CHECK,
        &balance::EJECT,
        &balance::RETRY,
        &balance::HEDGE,
        &balance::SLOW_START,
        &balance::PANIC_THRESHOLD,
        &balance::SUBSET,
        &balance::CIRCUIT_BREAKER,
        &balance::DEADLINE_HEADER,
        &TLS,
        &super::layer4::SEND_PROXY_PROTOCOL,
    ],
    repeats: true,
    ..NODE
};

pub(super) static SERVER: NodeSpec = NodeSpec {
    name: "server",
    doc: "An origin server. A name stands for all of its addresses, each of which is a server; \
          it is resolved again by its TTL.",
    args: &[arg(
        "address",
        Form(
            "an address such as \"10.0.0.1:8080\", \"app.internal:8080\" or \"unix:/run/app.sock\"",
        ),
        "where it listens",
    )],
    props: &[
        prop("weight", Integer(0, 65535), "its share relative to the others").default("1"),
        prop("zone", Text, "where it stands; those of our own `zone` are preferred"),
        prop("backup", Bool, "used only when no other server is left").default("#false"),
        prop("tier", Integer(0, 15), "gets what servers of lower tiers cannot take").default("0"),
    ],
    repeats: true,
    ..NODE
};

static CONNECTIONS: NodeSpec = NodeSpec {
    name: "connections",
    doc: "How connections to the servers are kept.",
    props: &[
        prop("idle", Duration, "how long an unused connection is kept").default("90s"),
        prop("idle-max", Integer(0, 65535), "unused connections kept by each worker")
            .default("1024"),
        prop("streams-max", Integer(1, 10_000), "requests at once on a connection of HTTP/2")
            .default("100"),
        prop("max", Integer(1, 10_000_000), "requests at once on one server, by all workers")
            .default("no limit"),
        prop("queue", Integer(0, 10_000_000), "requests that wait when all servers are full")
            .default("0"),
        prop("queue-timeout", Duration, "how long they wait").default("2s"),
    ],
    settings: true,
    ..NODE
};

static TIMEOUTS: NodeSpec = NodeSpec {
    name: "timeouts",
    doc: "Timeouts towards the servers.",
    props: &[
        prop("connect", Duration, "to establish a connection").default("3s"),
        prop("first-byte", Duration, "from the request sent to the response's first byte")
            .default("60s"),
    ],
    settings: true,
    ..NODE
};

static PROTOCOL: NodeSpec = NodeSpec {
    name: "protocol",
    doc: "What is spoken to the servers: `h1` (the default), `h2`, or `auto`, which is what a \
          server chooses in the TLS handshake.",
    args: &[arg("version", Choice(&[built("h1"), built("h2"), built("auto")]), "the protocol")],
    ..NODE
};

static TLS: NodeSpec = NodeSpec {
    name: "tls",
    doc: "Encrypts connections to the servers. Their certificates are verified by the \
          authorities of the system, or by those of `ca`.",
    props: &[
        prop("server-name", Text, "the name to ask for and verify").default("the server's own"),
        prop("ca", Text, "the authorities that vouch for the servers, PEM"),
        prop("certificate", Text, "a certificate of our own with its chain, PEM"),
        prop("key", Text, "its private key, PEM").default("the same file"),
        prop("verify", Bool, "whether certificates are verified").default("#true"),
    ],
    children: &[&PIN],
    ..NODE
};

static PIN: NodeSpec = NodeSpec {
    name: "pin",
    doc: "Public keys, one of which must be in the chain of a server.",
    args: &[args(
        "key",
        Form("the SHA-256 of a public key as \"sha256/...\" in Base64"),
        Some,
        "a public key",
    )],
    repeats: true,
    ..NODE
};
