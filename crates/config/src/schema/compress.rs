//! Compression of a route's or a site's responses.

use super::Count::Any;
use super::Kind::{Bool, Choice, Form, Integer, Size};
use super::{NODE, NodeSpec, args, built, prop};

pub(super) static COMPRESS: NodeSpec = NodeSpec {
    name: "compress",
    doc: "Compresses responses by what the client accepts, as they come. The node of a route goes \
          before that of its site.",
    args: &[args(
        "coding",
        Choice(&[built("zstd"), built("br"), built("gzip")]),
        Any,
        "the codings that may be used, the preferred one first; without any it is \
         `\"zstd\" \"br\" \"gzip\"`",
    )],
    props: &[
        prop(
            "types",
            Form("a media type such as \"text/html\", \"text/*\" or \"*/*+json\""),
            "the media types that are compressed",
        )
        .list()
        .default("those in [compression.md](compression.md)"),
        prop("size-min", Size, "shorter content is left as it is, where its length is known")
            .default("1KiB"),
        prop("zstd-level", Integer(1, 12), "how hard zstd tries").default("3"),
        prop("br-level", Integer(2, 6), "how hard brotli tries").default("4"),
        prop("gzip-level", Integer(1, 9), "how hard gzip tries").default("5"),
        prop("enabled", Bool, "whether it is").default("#true"),
    ],
    ..NODE
};
