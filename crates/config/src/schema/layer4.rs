//! Nodes of layer 4: connections that are passed on unread, and who says where they come from.

use super::Kind::{Choice, Form, Text};
use super::{NODE, NodeSpec, PropSpec, arg, built, prop};

pub(super) static FORWARD: NodeSpec = NodeSpec {
    name: "proxy",
    doc: "Passes what comes in to an upstream without looking inside.",
    args: &[arg("upstream", Text, "the name of an upstream")],
    ..NODE
};

pub(super) static PASS_ROUTE: NodeSpec = NodeSpec {
    name: "route",
    doc: "Passes TLS connections on as they are, by what the client asks for before anything is \
          encrypted. The most specific name wins, then a route with `alpn`. What no route takes \
          is decrypted where the listener has `tls`, else refused.",
    props: &[
        prop(
            "sni",
            Form("a name such as \"db.example.com\" or \"*.example.com\""),
            "the names that it takes",
        )
        .list()
        .default("any, and none"),
        prop("alpn", Text, "protocols, one of which the client must offer")
            .list()
            .default("any, and none"),
    ],
    children: &[&FORWARD],
    repeats: true,
    ..NODE
};

const PEER: super::Kind =
    Form("an address, a network such as \"10.0.0.0/8\", or \"unix\" for a Unix socket");

const FROM: PropSpec = prop("from", PEER, "the peers that send it").list();

pub(super) static PROXY_PROTOCOL: NodeSpec = NodeSpec {
    name: "proxy-protocol",
    doc: "Connections of these peers begin with a header of the PROXY protocol, version 1 or 2, \
          which names the client. One without it is closed. Other peers are taken as they are.",
    props: &[FROM],
    ..NODE
};

pub(super) static SEND_PROXY_PROTOCOL: NodeSpec = NodeSpec {
    name: "proxy-protocol",
    doc: "Begins every connection with a header that names the client. No two requests share \
          such a connection.",
    args: &[arg("version", Choice(&[built("v1"), built("v2")]), "which form it has")],
    ..NODE
};
