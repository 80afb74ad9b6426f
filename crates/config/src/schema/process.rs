//! Nodes of the top level: listening, trust, limits, timeouts, logs, admin, policies.

use super::Count::{Any, Some};
use super::Kind::{Bool, ByteRate, Choice, ChoiceOr, Duration, Form, Integer, Rate, Size, Text};
use super::{NODE, NodeSpec, arg, args, built, prop};

/// The document itself: its children are what may stand at the top level.
pub(crate) static ROOT: NodeSpec = NodeSpec {
    name: "the top level",
    doc: "",
    children: &[
        &super::listener::LISTEN,
        &TRUSTED_PROXIES,
        &LIMITS,
        &TIMEOUTS,
        &super::h2::H2,
        &super::upstream::UPSTREAM,
        &super::cache::STORE,
        &super::site::SITE,
        &ACCESS_LOG,
        &ADMIN,
        &REQUEST_ID,
        &PATH,
        &WORKERS,
        &ZONE,
        &super::discover::RESOLVER,
        &INCLUDE,
    ],
    ..NODE
};

pub(crate) const ADDRESS: super::Kind =
    Form("an address such as \":80\", \"127.0.0.1:80\", \"[::1]:80\" or \"unix:/run/weir.sock\"");

static ZONE: NodeSpec = NodeSpec {
    name: "zone",
    doc: "Where this process runs: servers of the same zone are preferred.",
    args: &[arg("name", super::Kind::Text, "the zone")],
    ..NODE
};

static TRUSTED_PROXIES: NodeSpec = NodeSpec {
    name: "trusted-proxies",
    doc: "Peers whose forwarding fields are believed; those of others are dropped.",
    args: &[args(
        "network",
        Form("an address or network such as \"10.0.0.0/8\" or \"::1\""),
        Some,
        "an address, or a network with its prefix length",
    )],
    repeats: true,
    ..NODE
};

static LIMITS: NodeSpec = NodeSpec {
    name: "limits",
    doc: "Limits of the whole process.",
    props: &[
        prop("header-bytes-max", Size, "bytes of a message head; beyond it 431").default("32KiB"),
        prop("headers-max", Integer(1, 512), "fields of a message head; beyond it 431")
            .default("128"),
        prop("uri-bytes-max", Size, "bytes of a request target; beyond it 414").default("8KiB"),
        prop("body-bytes-max", Size, "bytes of a request body; beyond it 413").default("no limit"),
        prop(
            "connections-max",
            Integer(1, 10_000_000),
            "client connections at once; beyond it 503",
        )
        .default("100000"),
        prop(
            "connections-per-client-max",
            Integer(1, 10_000_000),
            "client connections at once from one address; beyond it 429",
        )
        .default("1000"),
        prop("memory-max", Size, "bytes of all buffers together; beyond it 503").default("2GiB"),
        prop(
            "udp-flows-max",
            Integer(1, 1_000_000),
            "flows of UDP at once on each worker; datagrams of further ones are dropped",
        )
        .default("10000"),
        prop(
            "tls-hello-bytes-max",
            Size,
            "bytes of a ClientHello that is looked into to pass a connection on; beyond it closed",
        )
        .default("16KiB"),
        prop(
            "tls-handshakes-per-client",
            Rate,
            "TLS handshakes that one address may begin; beyond it connections are closed",
        )
        .default("1000/s"),
    ],
    settings: true,
    ..NODE
};

static TIMEOUTS: NodeSpec = NodeSpec {
    name: "timeouts",
    doc: "Timeouts of the client side, and of shutdown.",
    props: &[
        prop("request-header", Duration, "until a request head is whole").default("10s"),
        prop("tls-handshake", Duration, "until a TLS handshake is over").default("10s"),
        prop("client-idle", Duration, "between the requests of a kept connection").default("60s"),
        prop("body-idle", Duration, "without progress of a body, in either direction")
            .default("30s"),
        prop("tunnel-idle", Duration, "without a byte in an upgraded connection").default("1h"),
        prop("udp-idle", Duration, "without a datagram in a flow of UDP").default("60s"),
        prop("tcp-idle", Duration, "without a byte in a connection of a TCP listener")
            .default("1h"),
        prop("shutdown", Duration, "for running requests when Weir is asked to stop")
            .default("30s"),
        prop(
            "body-rate-min",
            ByteRate,
            "the slowest request body that is borne; a slower one gets 408",
        )
        .default("off"),
    ],
    settings: true,
    ..NODE
};

static ACCESS_LOG: NodeSpec = NodeSpec {
    name: "access-log",
    doc: "Logs each finished request. Without this node nothing is logged.",
    args: &[arg(
        "target",
        ChoiceOr(&[built("stdout"), built("stderr")], "the path of a file"),
        "where lines go",
    )],
    props: &[prop(
        "format",
        ChoiceOr(&[built("json"), built("combined")], "a line with placeholders"),
        "how a line looks",
    )
    .default("json")],
    repeats: true,
    ..NODE
};

static ADMIN: NodeSpec = NodeSpec {
    name: "admin",
    doc: "Serves metrics at `/metrics`. Only a loopback address or a Unix socket is taken.",
    args: &[arg("address", ADDRESS, "where to listen")],
    ..NODE
};

static REQUEST_ID: NodeSpec = NodeSpec {
    name: "request-id",
    doc: "The id that a request carries through logs and origin servers. `keep` takes the \
          client's if it is a sane token and makes one otherwise.",
    args: &[arg("mode", Choice(&[built("keep"), built("make"), built("off")]), "what to do")],
    props: &[prop("header", Form("a field name such as \"X-Request-Id\""), "the field")
        .default("X-Request-Id")],
    ..NODE
};

static PATH: NodeSpec = NodeSpec {
    name: "path",
    doc: "How paths are made canonical before they are matched. `forward=\"canonical\"` is for \
          origins that would read dot segments or doubled slashes otherwise than Weir does.",
    props: &[
        prop("merge-slashes", Bool, "take several slashes in a row as one").default("#true"),
        prop(
            "forward",
            Choice(&[built("raw"), built("canonical")]),
            "send the path on as it came, or as it was matched",
        )
        .default("raw"),
    ],
    settings: true,
    ..NODE
};

static WORKERS: NodeSpec = NodeSpec {
    name: "workers",
    doc: "Number of workers, each a thread. Without this node there is one for each core.",
    args: &[arg("count", Integer(1, 1024), "how many")],
    ..NODE
};

pub(super) static INCLUDE: NodeSpec = NodeSpec {
    name: "include",
    doc: "Reads other files as if they stood here. `*` and `?` stand for parts of names; \
          paths are relative to the file with the node.",
    args: &[args("file", Text, Some, "a path, perhaps with `*`")],
    repeats: true,
    ..NODE
};

/// The values of something that is only reserved: anything goes, since it is refused whole.
pub(super) const ANYTHING: &[super::ArgSpec] = &[args("value", Text, Any, "")];
