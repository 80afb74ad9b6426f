//! Nodes of a route: what must match, the middlewares, and the actions.

use super::Count::{Optional, Some};
use super::Kind::{Duration, Form, Integer, OneOf, Size, Text};
use super::process::ANYTHING;
use super::{NODE, NodeSpec, Support, arg, args, prop};

pub(super) static ROUTE: NodeSpec = NodeSpec {
    name: "route",
    doc: "Requests that match get its middlewares and its one action. The most specific route \
          wins: an exact path, then the deepest directory, where a regular expression belongs to \
          the directory that its text is anchored to and goes before the prefix; then the one \
          with more conditions. The order in the file has no meaning.",
    args: &[arg(
        "path",
        Form("a path such as \"/api/*\", \"=/robots.txt\" or \"~^/u/[0-9]+$\""),
        "`/api/*` is `/api` and all below it, `/x` or `=/x` is exactly that, `~` starts a \
         regular expression",
    )],
    props: &[prop("methods", Form("a method such as \"GET\""), "the methods it matches; else all")
        .list()],
    children: &[
        &MATCH,
        &LIMITS,
        &TIMEOUTS,
        &REWRITE,
        &REQUEST_HEADERS,
        &RESPONSE_HEADERS,
        &super::site::ERROR_PAGE,
        &super::shaping::PROXY,
        &RESPOND,
        &REDIRECT,
        &super::shaping::SPLIT,
        &super::shaping::MIRROR,
        &super::shaping::MAINTENANCE,
        &NodeSpec { name: "files", doc: "Serves files of a directory.", ..LATER },
        &super::cache::CACHE,
        &super::compress::COMPRESS,
        &GRPC_WEB,
        &NodeSpec { name: "rate-limit", doc: "Limits how often a client may ask.", ..LATER },
    ],
    repeats: true,
    ..NODE
};

const LATER: NodeSpec = NodeSpec { support: Support::Later, args: ANYTHING, ..NODE };

static GRPC_WEB: NodeSpec = NodeSpec {
    name: "grpc-web",
    doc: "Translates gRPC-Web, which browsers speak, to gRPC for the origin, and its answers back.",
    ..NODE
};

/// What may be asked of a request.
pub(super) const CONDITIONS: &[super::PropSpec] = &[
    prop("header", Form("a field name such as \"X-Version\""), "a field that must be there"),
    prop("query", Text, "a parameter of the query that must be there"),
    prop("cookie", Text, "a cookie that must be there"),
    prop("value", Text, "the value that the header, parameter or cookie must have"),
    prop(
        "client",
        Form("an address or network such as \"10.0.0.0/8\" or \"::1\""),
        "where the client must be",
    ),
];

static MATCH: NodeSpec = NodeSpec {
    name: "match",
    doc: "What else must hold of a request; all of it, over all `match` nodes. Without `value` \
          any value will do.",
    props: CONDITIONS,
    repeats: true,
    ..NODE
};

static LIMITS: NodeSpec = NodeSpec {
    name: "limits",
    doc: "Limits of this route, instead of those of the process.",
    props: &[prop("body-bytes-max", Size, "bytes of a request body; beyond it 413")],
    settings: true,
    ..NODE
};

static TIMEOUTS: NodeSpec = NodeSpec {
    name: "timeouts",
    doc: "Timeouts of this route, instead of those of the upstream.",
    props: &[
        prop("first-byte", Duration, "from the request sent to the response's first byte"),
        prop("total", Duration, "from the request's head to the response's last byte"),
    ],
    settings: true,
    ..NODE
};

static REWRITE: NodeSpec = NodeSpec {
    name: "rewrite",
    doc: "Changes the target that is forwarded. The query is kept, unless the new target has \
          a `?` of its own.",
    args: &[args(
        "target",
        Form("a path such as \"/users/{id}\""),
        Optional,
        "the new target, with placeholders",
    )],
    props: &[prop(
        "strip-prefix",
        Form("a path such as \"/api\""),
        "takes this from the start of the path",
    )],
    ..NODE
};

static REQUEST_HEADERS: NodeSpec = NodeSpec {
    name: "request-headers",
    doc: "Edits the fields of the request that is forwarded, in the order written.",
    children: &[&SET, &ADD, &REMOVE],
    ..NODE
};

static RESPONSE_HEADERS: NodeSpec = NodeSpec {
    name: "response-headers",
    doc: "Edits the fields of the response, in the order written.",
    children: &[&SET, &ADD, &REMOVE],
    ..NODE
};

const FIELD: super::Kind = Form("a field name such as \"X-Request-Id\"");

static SET: NodeSpec = NodeSpec {
    name: "set",
    doc: "Replaces every field of that name by one.",
    args: &[arg("name", FIELD, "field name"), arg("value", Text, "value, with placeholders")],
    repeats: true,
    ..NODE
};

static ADD: NodeSpec = NodeSpec {
    name: "add",
    doc: "Adds one more field.",
    args: &[arg("name", FIELD, "field name"), arg("value", Text, "value, with placeholders")],
    repeats: true,
    ..NODE
};

static REMOVE: NodeSpec = NodeSpec {
    name: "remove",
    doc: "Drops every field of these names.",
    args: &[args("name", FIELD, Some, "field name")],
    repeats: true,
    ..NODE
};

static RESPOND: NodeSpec = NodeSpec {
    name: "respond",
    doc: "Answers by itself.",
    args: &[arg("status", Integer(200, 599), "the status")],
    props: &[
        prop("body", Text, "the body, taken as it is"),
        prop("type", Text, "its `Content-Type`").default("text/plain; charset=utf-8"),
    ],
    ..NODE
};

static REDIRECT: NodeSpec = NodeSpec {
    name: "redirect",
    doc: "Sends the client elsewhere.",
    args: &[arg("target", Form("a path or URI"), "a path or a URI, with placeholders")],
    props: &[prop("status", OneOf(&[301, 302, 303, 307, 308]), "the status").default("302")],
    ..NODE
};
