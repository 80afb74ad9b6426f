//! Where servers are found that are not written: DNS, files, documents.

use super::Count::Any;
use super::Kind::{Choice, Duration, Form, Integer, Size, Text};
use super::{NODE, NodeSpec, arg, args, built, prop};

/// The content of a file, or a document, that lists servers.
pub(crate) static SERVERS: NodeSpec =
    NodeSpec { name: "a list of servers", children: &[&super::upstream::SERVER], ..NODE };

pub(super) static SERVERS_MAX: NodeSpec = NodeSpec {
    name: "servers-max",
    doc: "Servers of the upstream at the most: each address of a name is one, and so is each that \
          is discovered. What is found beyond that is left out. 10000 where nothing is said.",
    args: &[arg("count", Integer(1, 100_000), "how many")],
    ..NODE
};

pub(super) static DISCOVER: NodeSpec = NodeSpec {
    name: "discover",
    doc: "Further servers, followed while Weir runs. What was found last stays while a source does \
          not answer.",
    children: &[&SRV, &FILE, &HTTP],
    ..NODE
};

static SRV: NodeSpec = NodeSpec {
    name: "srv",
    doc: "Those of SRV records, asked again by their TTL. Their priority is the tier, their weight \
          the weight.",
    args: &[arg("name", Form("a name such as \"_http._tcp.app.internal\""), "the records' name")],
    repeats: true,
    ..NODE
};

static FILE: NodeSpec = NodeSpec {
    name: "file",
    doc: "Those of a file with `server` nodes, KDL or JSON (`.json`), read again when it changes.",
    args: &[arg("path", Text, "the file")],
    repeats: true,
    ..NODE
};

static HTTP: NodeSpec = NodeSpec {
    name: "http",
    doc: "Those of a document of the same form behind a URL, asked for again and again with the \
          ETag of the last one.",
    args: &[arg("url", Form("a URL such as \"http://10.0.0.5:8500/servers\""), "where it is")],
    props: &[
        prop("interval", Duration, "from one question to the next").default("5s"),
        prop("timeout", Duration, "how long one may take").default("2s"),
        prop("body-bytes-max", Size, "bytes of the document; a longer one is refused")
            .default("4MiB"),
        prop("ca", Text, "the authorities that vouch for the other end, PEM")
            .default("those of the system"),
    ],
    children: &[&super::health::HEADER],
    repeats: true,
    ..NODE
};

pub(super) static RESOLVER: NodeSpec = NodeSpec {
    name: "resolver",
    doc: "How the names of servers are looked up. Without name servers, as the system is \
          configured.",
    args: &[args(
        "server",
        Form("an address such as \"10.0.0.53\" or \"127.0.0.1:5353\""),
        Any,
        "a name server; port 53 where none is written",
    )],
    props: &[
        prop(
            "family",
            Choice(&[built("any"), built("ipv4"), built("ipv6")]),
            "which addresses of a name are used",
        )
        .default("any"),
        prop("ttl-min", Duration, "a shorter TTL counts as this").default("1s"),
        prop("ttl-max", Duration, "a longer TTL counts as this").default("5m"),
        prop("timeout", Duration, "how long a name server is waited for, for one try")
            .default("2s"),
    ],
    ..NODE
};
