//! Nodes that say where requests of a route go besides, instead, or not at all.

use super::Kind::{Bool, ChoiceOr, Duration, Integer, Size, Text};
use super::{NODE, NodeSpec, arg, balance, built, prop, route};

pub(super) static PROXY: NodeSpec = NodeSpec {
    name: "proxy",
    doc: "Forwards the request to an upstream.",
    args: &[arg("upstream", Text, "the upstream's name")],
    children: &[&HOST, &FAILOVER],
    ..NODE
};

static HOST: NodeSpec = NodeSpec {
    name: "host",
    doc: "The `Host` that is sent on: the client's (default), the server's, or a literal.",
    args: &[arg("host", ChoiceOr(&[built("client"), built("upstream")], "a host name"), "which")],
    ..NODE
};

static FAILOVER: NodeSpec = NodeSpec {
    name: "failover",
    doc: "Sends the request to another upstream when this one has failed, retries included, if \
          that is as safe as a retry.",
    args: &[arg("upstream", Text, "the other upstream's name")],
    props: &[prop("on", balance::FAILURE, "failures after which it is sent there")
        .list()
        .default("\"connect\" \"reset\" \"timeout\" \"502\" \"503\" \"504\"")],
    children: &[&HOST],
    ..NODE
};

pub(super) static SPLIT: NodeSpec = NodeSpec {
    name: "split",
    doc: "Divides requests among upstreams, by chance or by a key that keeps a client at its \
          part. Where the weights change and their sum does not, only clients between two parts \
          move.",
    props: &[prop("key", balance::KEY, "what a client is known by").default("chance decides")],
    children: &[&TO],
    ..NODE
};

static TO: NodeSpec = NodeSpec {
    name: "to",
    doc: "One part.",
    args: &[arg("upstream", Text, "the upstream's name")],
    props: &[prop("weight", Integer(0, 65535), "its share relative to the others").default("1")],
    children: &[&HOST, &FAILOVER],
    repeats: true,
    ..NODE
};

pub(super) static MIRROR: NodeSpec = NodeSpec {
    name: "mirror",
    doc: "Sends copies of requests to another upstream and forgets the answers. Whatever happens \
          to a copy, the request knows nothing of it.",
    args: &[arg("upstream", Text, "the other upstream's name")],
    props: &[
        prop("sample", balance::PERCENT, "the share of requests that are copied").default("100%"),
        prop("body-bytes-max", Size, "the longest request body that is copied").default("64KiB"),
        prop("in-flight-max", Integer(1, 65535), "copies at once on each worker").default("64"),
        prop("timeout", Duration, "how long a copy may take, its answer included").default("10s"),
    ],
    children: &[&HOST],
    ..NODE
};

pub(super) static MAINTENANCE: NodeSpec = NodeSpec {
    name: "maintenance",
    doc: "Answers 503 to everybody but those that `except` lets through. `error-page` gives the \
          page.",
    props: &[
        prop("retry-after", Duration, "when clients are told to come again").default("5m"),
        prop("enabled", Bool, "whether it is; one of a route goes before that of its site")
            .default("#true"),
    ],
    children: &[&EXCEPT],
    ..NODE
};

static EXCEPT: NodeSpec = NodeSpec {
    name: "except",
    doc: "Who is let through. All conditions of one node must hold, of one of the nodes.",
    props: route::CONDITIONS,
    repeats: true,
    ..NODE
};
