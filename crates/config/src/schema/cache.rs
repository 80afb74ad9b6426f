//! Nodes of the cache: the stores, and what a route keeps in them.

use super::Count::{Optional, Some};
use super::Kind::{Bool, Duration, Form, Size, Text};
use super::{NODE, NodeSpec, arg, args, prop, route};

pub(super) static STORE: NodeSpec = NodeSpec {
    name: "cache",
    doc: "A store of responses. The one without a name is used by routes that name none; it is \
          there also where nothing is said of it.",
    args: &[args("name", Text, Optional, "the name that the `cache` of a route uses")],
    props: &[
        prop("memory", Size, "bytes of memory, all workers together").default("256MiB"),
        prop(
            "object-bytes-max",
            Size,
            "bytes of one object; a longer one is not kept. With a disk a quarter of its size, \
             where nothing is said",
        )
        .default("64MiB"),
        prop(
            "no-vary-search-bytes-max",
            Size,
            "bytes of memory for what responses say by `No-Vary-Search`, of all paths together; \
             the oldest makes room, and one that takes a sixteenth of it does not count",
        )
        .default("1MiB"),
    ],
    children: &[&DISK],
    settings: true,
    repeats: true,
    ..NODE
};

static DISK: NodeSpec = NodeSpec {
    name: "disk",
    doc: "A directory below the memory. What is kept there outlives a restart; what is too long \
          for memory is kept there alone. When the disk fails, the cache goes on without it.",
    args: &[arg(
        "directory",
        Text,
        "its path, relative to the file with the node; made if missing",
    )],
    props: &[
        prop("size", Size, "bytes of all files together, 1MiB or more; has to be said"),
        prop(
            "queue-bytes-max",
            Size,
            "bytes of memory for what waits to be written; what comes beyond it is not written",
        )
        .default("64MiB"),
    ],
    ..NODE
};

pub(super) static CACHE: NodeSpec = NodeSpec {
    name: "cache",
    doc: "Keeps responses by the rules of RFC 9111 and answers from what is kept. Requests that \
          come at once for the same are fetched once.",
    args: &[args("store", Text, Optional, "the store, by its name")],
    props: &[
        prop("ttl", Duration, "lifetime of responses that give themselves none"),
        prop("override-ttl", Duration, "lifetime of all responses, whatever they say"),
        prop("error-ttl", Duration, "lifetime of errors that give themselves none"),
        prop(
            "stale-while-revalidate",
            Duration,
            "use of stale responses while they are validated, where they do not say",
        ),
        prop(
            "stale-if-error",
            Duration,
            "use of stale responses where the origin fails, where they do not say",
        ),
        prop("status", Bool, "tells in `Cache-Status` what was done").default("#true"),
        prop("show-key", Bool, "`Cache-Status` tells the key too").default("#false"),
        prop("client-directives", Bool, "`Cache-Control` of requests counts").default("#true"),
    ],
    children: &[&KEY, &BYPASS, &POST, &PURGE],
    ..NODE
};

static KEY: NodeSpec = NodeSpec {
    name: "key",
    doc: "What responses are known by, beside scheme, host, path and query.",
    props: &[
        prop("sort-query", Bool, "the order of parameters does not matter").default("#false"),
        prop("query", Text, "the only parameters that count; `*` at the end for any rest").list(),
        prop("ignore-query", Text, "parameters that do not count; `*` at the end for any rest")
            .list(),
        prop("header", Form("a field name such as \"X-Device\""), "fields that count").list(),
        prop("cookie", Text, "cookies that count").list(),
        prop(
            "device",
            Bool,
            "the class of device counts: `phone`, `tablet`, `desktop` or `bot`, by the client's \
             hints or its `User-Agent`",
        )
        .default("#false"),
        prop(
            "device-header",
            Form("a field name such as \"X-Device\""),
            "the field in which the origin is told the class",
        )
        .default("X-Device"),
    ],
    ..NODE
};

static BYPASS: NodeSpec = NodeSpec {
    name: "bypass",
    doc: "Requests that go past the cache: all conditions of one node hold.",
    props: route::CONDITIONS,
    repeats: true,
    ..NODE
};

static POST: NodeSpec = NodeSpec {
    name: "post",
    doc: "Keeps responses to POST too, for searches and GraphQL: the same body, with the same type \
          and coding, gets the same response. Such a POST makes nothing invalid.",
    props: &[prop(
        "body-bytes-max",
        Size,
        "bytes of a body that is read before it is sent on; a longer one goes past the cache",
    )
    .default("64KiB")],
    ..NODE
};

static PURGE: NodeSpec = NodeSpec {
    name: "purge",
    doc: "Who may remove what is kept for a URL by sending it the method `PURGE`; everybody else \
          gets 403. `Purge-Mode: hard` removes at once, else it is made stale.",
    args: &[args(
        "network",
        Form("an address or network such as \"10.0.0.0/8\" or \"::1\""),
        Some,
        "an address, or a network with its prefix length",
    )],
    ..NODE
};
