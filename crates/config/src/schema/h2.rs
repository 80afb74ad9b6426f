//! The `h2` node of the top level.

use super::Kind::{Integer, Size};
use super::{NODE, NodeSpec, prop};

pub(super) static H2: NodeSpec = NodeSpec {
    name: "h2",
    doc: "What each HTTP/2 connection of a client may cost.",
    props: &[
        prop("streams-max", Integer(1, 1000), "requests at once; further ones are refused")
            .default("128"),
        prop("stream-window", Size, "bytes of one request body in flight, 65535B to 16MiB")
            .default("256KiB"),
        prop("connection-window", Size, "bytes of all request bodies in flight, 65535B to 1GiB")
            .default("1MiB"),
        prop(
            "send-bytes-max",
            Size,
            "bytes of responses held beyond what the socket has taken, 16KiB to 1GiB",
        )
        .default("256KiB"),
        prop(
            "abuse-budget",
            Integer(100, 1_000_000),
            "points that frames which bring no request nearer may cost at once; beyond it the \
             connection ends with ENHANCE_YOUR_CALM",
        )
        .default("2000"),
        prop("abuse-refill", Integer(1, 1_000_000), "points regained in a second").default("200"),
    ],
    settings: true,
    ..NODE
};
