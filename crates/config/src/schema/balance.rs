//! Nodes of an upstream that say who gets a request, and what happens when servers fail.

use super::Kind::{Bool, Choice, ChoiceOr, Duration, Form, Integer, Rate, Size, Text};
use super::{NODE, NodeSpec, arg, built, prop};

pub(super) const PERCENT: super::Kind = Form("a share such as \"20%\"");

pub(super) const KEY: super::Kind = Form(
    "a part of a request: `client-ip`, `client-ip/24/56`, `path`, `uri`, `host`, `header:NAME`, \
     `cookie:NAME` or `query:NAME`",
);

pub(super) static BALANCE: NodeSpec = NodeSpec {
    name: "balance",
    doc: "Who gets the next request. `p2c`, the default, draws two servers by weight and takes \
          the one that promises to answer sooner by its latency and the requests on it.",
    args: &[arg(
        "policy",
        Choice(&[
            built("p2c"),
            built("round-robin"),
            built("least-requests"),
            built("random"),
            built("first"),
            built("hash"),
            built("maglev"),
        ]),
        "the algorithm",
    )],
    props: &[
        prop("key", KEY, "what is hashed; without it in a request, a server is drawn")
            .default("client-ip"),
        prop("bound", PERCENT, "how much more than the average a hashed server may have")
            .default("25%"),
    ],
    ..NODE
};

pub(super) static STICKY: NodeSpec = NodeSpec {
    name: "sticky",
    doc: "Keeps a client at the server that it got first, by a signed cookie. It is another \
          server's turn when that one is not usable.",
    props: &[
        prop("cookie", Text, "the name of the cookie").default("weir"),
        prop("secret", Text, "what it is signed with; the same on every proxy of a site")
            .default("one of the machine's own"),
        prop("max-age", Duration, "how long browsers keep it").default("until they are closed"),
        prop("path", Form("a path such as \"/\""), "the paths that it is for").default("/"),
        prop("domain", Text, "the domain that it is for").default("the host alone"),
        prop("secure", Bool, "for encrypted connections only").default("as the client came"),
        prop("http-only", Bool, "hidden from scripts").default("#true"),
        prop(
            "same-site",
            Choice(&[built("lax"), built("strict"), built("none")]),
            "whether it goes along with requests from other sites",
        )
        .default("lax"),
    ],
    ..NODE
};

pub(super) static EJECT: NodeSpec = NodeSpec {
    name: "eject",
    doc: "Avoids servers for a while because of what requests met with there: each time for \
          twice as long. Without this node, servers that cannot be reached are avoided.",
    props: &[
        prop("connect-failures", Integer(0, 1000), "failed connects in a row; 0 for never")
            .default("1"),
        prop(
            "consecutive-errors",
            Integer(0, 10_000),
            "502, 503, 504, resets and time-outs in a row; 0 for never",
        )
        .default("0"),
        prop("base", Duration, "how long the first time").default("10s"),
        prop("max", Duration, "how long at the most").default("5m"),
        prop("max-percent", Integer(0, 100), "share of the servers that errors may take out")
            .default("50"),
        prop("interval", Duration, "how often servers are compared with their peers")
            .default("10s"),
        prop(
            "success-rate",
            Integer(1, 100),
            "percentage points by which the success rate may be below the mean",
        )
        .default("any"),
        prop("latency", Integer(101, 100_000), "percent of the median that it may take")
            .default("any"),
        prop("volume", Integer(1, 1_000_000), "requests in an interval that are enough to compare")
            .default("50"),
    ],
    settings: true,
    ..NODE
};

/// What a try may end in.
pub(super) const FAILURE: super::Kind =
    ChoiceOr(&[built("connect"), built("reset"), built("timeout")], "a status such as \"503\"");

pub(super) static RETRY: NodeSpec = NodeSpec {
    name: "retry",
    doc: "Tries a request again on another server, if it is safe: nothing of it was sent, or its \
          method is idempotent and its body is still there; and nothing has gone to the client. \
          Without this node, two more servers are tried after `connect` and `reset`.",
    props: &[
        prop("attempts", Integer(0, 7), "further servers that are tried").default("2"),
        prop("on", FAILURE, "failures after which it is tried again")
            .list()
            .default("\"connect\" \"reset\""),
        prop("budget", PERCENT, "requests that may be tried again, of all").default("20%"),
        prop("budget-min", Rate, "further ones that always may").default("10/s"),
        prop("per-try", Duration, "how long a server may take to answer where others are left")
            .default("as long as the last"),
        prop("body-bytes-max", Size, "the longest request body that is kept to be sent again")
            .default("none is kept"),
    ],
    ..NODE
};

pub(super) static HEDGE: NodeSpec = NodeSpec {
    name: "hedge",
    doc: "Asks a second server when the first one is late, and takes the answer that comes first. \
          Only for idempotent methods without a body, or with one that `retry body-bytes-max` \
          keeps.",
    props: &[
        prop("after", PERCENT, "late is slower than this share of the answers").default("95%"),
        prop("budget", PERCENT, "requests for which a second server may be asked, of all")
            .default("5%"),
    ],
    ..NODE
};

pub(super) static SLOW_START: NodeSpec = NodeSpec {
    name: "slow-start",
    doc: "Gives a new or recovered server a tenth of its share and more and more from then on. \
          Hashing policies know no slow start.",
    args: &[arg("time", Duration, "until it gets its full share")],
    ..NODE
};

pub(super) static PANIC_THRESHOLD: NodeSpec = NodeSpec {
    name: "panic-threshold",
    doc: "When fewer servers than this share are usable, all are used again: better some errors \
          than the last ones overrun. The default is \"30%\".",
    args: &[arg("share", PERCENT, "share of the servers")],
    ..NODE
};

pub(super) static SUBSET: NodeSpec = NodeSpec {
    name: "subset",
    doc: "Uses only some of very many servers, others on each machine.",
    props: &[prop("size", Integer(1, 100_000), "how many").default("all")],
    ..NODE
};

pub(super) static CIRCUIT_BREAKER: NodeSpec = NodeSpec {
    name: "circuit-breaker",
    doc: "What the upstream as a whole may take, over all workers; more is answered by 503 at \
          once. What one server may take is `connections max`.",
    props: &[
        prop("requests", Integer(1, 10_000_000), "requests at once").default("no limit"),
        prop("retries", Integer(0, 10_000_000), "further tries at once").default("no limit"),
    ],
    ..NODE
};

pub(super) static DEADLINE_HEADER: NodeSpec = NodeSpec {
    name: "deadline-header",
    doc: "Tells servers how many milliseconds are left of the route's `timeouts total`.",
    args: &[arg("name", Form("a field name such as \"X-Deadline-Ms\""), "the field")],
    ..NODE
};
