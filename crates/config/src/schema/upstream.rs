//! Nodes of an upstream.

use super::Count::Some;
use super::Kind::{Bool, Choice, Duration, Form, Integer, Text};
use super::{NODE, NodeSpec, Support, arg, args, built, later, prop};

pub(super) static UPSTREAM: NodeSpec = NodeSpec {
    name: "upstream",
    doc: "A named group of origin servers.",
    args: &[arg("name", Text, "the name that `proxy` uses")],
    children: &[
        &SERVER,
        &BALANCE,
        &CONNECTIONS,
        &TIMEOUTS,
        &PROTOCOL,
        &NodeSpec { name: "sticky", doc: "Keeps a client at its server.", ..LATER },
        &NodeSpec { name: "health-check", doc: "Asks servers whether they are well.", ..LATER },
        &NodeSpec { name: "eject", doc: "Avoids servers that fail.", ..LATER },
        &NodeSpec { name: "retry", doc: "Tries again elsewhere.", ..LATER },
        &NodeSpec { name: "slow-start", doc: "Lets a new server warm up.", ..LATER },
        &TLS,
    ],
    repeats: true,
    ..NODE
};

const LATER: NodeSpec = NodeSpec { support: Support::Later, ..NODE };

static SERVER: NodeSpec = NodeSpec {
    name: "server",
    doc: "An origin server. A name is resolved again by its TTL, and all its addresses are used.",
    args: &[arg(
        "address",
        Form(
            "an address such as \"10.0.0.1:8080\", \"app.internal:8080\" or \"unix:/run/app.sock\"",
        ),
        "where it listens",
    )],
    props: &[
        prop("weight", Integer(1, 65535), "its share relative to the others").default("1"),
        prop("zone", Text, "where it stands").later(),
        prop("backup", Bool, "used only when no other server is left").later(),
    ],
    repeats: true,
    ..NODE
};

static BALANCE: NodeSpec = NodeSpec {
    name: "balance",
    doc: "Who gets the next request. The default is `round-robin`, by weight.",
    args: &[arg(
        "policy",
        Choice(&[
            built("round-robin"),
            later("p2c"),
            later("least-requests"),
            later("random"),
            later("hash"),
            later("maglev"),
            later("first"),
        ]),
        "the algorithm",
    )],
    props: &[prop("key", Text, "what is hashed").later()],
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
        prop("max", Integer(1, 10_000_000), "connections at once").later(),
        prop("queue", Integer(0, 10_000_000), "requests that wait for a connection").later(),
        prop("queue-timeout", Duration, "how long they wait").later(),
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
