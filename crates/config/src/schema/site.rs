//! Nodes of a site.

use super::Count::{Any, Some};
use super::Kind::{Bool, Duration, Form, Integer, Text};
use super::{NODE, NodeSpec, args, prop};

pub(super) static SITE: NodeSpec = NodeSpec {
    name: "site",
    doc: "The routes of some hosts. An exact host wins over a wildcard, and both over a site \
          without hosts, which serves every host.",
    args: &[args(
        "host",
        Form("a host such as \"example.com\" or \"*.example.com\""),
        Any,
        "a host that it serves",
    )],
    children: &[
        &super::route::ROUTE,
        &ERROR_PAGE,
        &HSTS,
        &super::shaping::MAINTENANCE,
        &super::compress::COMPRESS,
        &super::process::INCLUDE,
    ],
    repeats: true,
    ..NODE
};

static HSTS: NodeSpec = NodeSpec {
    name: "hsts",
    doc: "Tells browsers to come encrypted only, from now on (RFC 6797). Sent on encrypted \
          connections.",
    props: &[
        prop("max-age", Duration, "how long they remember").default("365d"),
        prop("subdomains", Bool, "also for every subdomain").default("#false"),
        prop("preload", Bool, "browsers may ship with it").default("#false"),
    ],
    ..NODE
};

pub(super) static ERROR_PAGE: NodeSpec = NodeSpec {
    name: "error-page",
    doc: "What a client sees instead of Weir's own page for an error. It replaces errors that \
          Weir makes, not those that an origin server answers.",
    args: &[args("status", Integer(400, 599), Some, "an error status")],
    props: &[
        prop("file", Text, "a file with the page, relative to the file with the node"),
        prop("body", Text, "the page itself"),
        prop("type", Text, "its `Content-Type`").default("by the file's name, else HTML"),
    ],
    repeats: true,
    ..NODE
};
