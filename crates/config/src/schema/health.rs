//! Active health checks of an upstream.

use super::Count::Optional;
use super::Kind::{Choice, Duration, Form, Integer, Text};
use super::{NODE, NodeSpec, arg, args, built, prop};

pub(super) static HEALTH_CHECK: NodeSpec = NodeSpec {
    name: "health-check",
    doc: "Asks every server at intervals whether it is well. One that is not gets no requests \
          until it is again.",
    args: &[args(
        "path",
        Form("an absolute path such as \"/healthz\""),
        Optional,
        "what is asked for over HTTP; needed there",
    )],
    props: &[
        prop(
            "kind",
            Choice(&[built("http"), built("tcp"), built("tls"), built("grpc")]),
            "a request, an accepted connection, a TLS handshake, or the health protocol of gRPC",
        )
        .default("http"),
        prop(
            "method",
            Choice(&[built("GET"), built("HEAD"), built("OPTIONS"), built("POST")]),
            "the method of the request, which has no body",
        )
        .default("GET"),
        prop("host", Text, "the host that is asked for").default("the server's own"),
        prop("interval", Duration, "from one probe to the next").default("5s"),
        prop("timeout", Duration, "how long a probe may take")
            .default("2s, or the interval if that is shorter"),
        prop(
            "jitter",
            Form("a share such as \"10%\""),
            "up to this part of an interval is left out by chance",
        )
        .default("10%"),
        prop("fast-interval", Duration, "the interval until it is settled what a server is")
            .default("1s, or the interval if that is shorter"),
        prop("healthy", Integer(1, 1000), "passed probes in a row that bring a server back")
            .default("2"),
        prop("unhealthy", Integer(1, 1000), "failed probes in a row that take it out").default("3"),
        prop("status", Form("status codes such as \"200-399\" or \"200,204\""), "good answers")
            .default("200-399"),
        prop("body", Text, "what must occur in the first 64 KiB of the answer's body"),
        prop("service", Text, "the service of gRPC that is asked about")
            .default("the server as a whole"),
        prop("port", Integer(1, 65535), "another port than that of the server"),
        prop(
            "initial",
            Choice(&[built("up"), built("down"), built("probe")]),
            "what a new server is: used at once, used when it has passed, or what the first probe \
             says alone",
        )
        .default("up"),
    ],
    children: &[&HEADER],
    ..NODE
};

pub(super) static HEADER: NodeSpec = NodeSpec {
    name: "header",
    doc: "A field that is sent along.",
    args: &[arg("name", Text, "the field's name"), arg("value", Text, "its value")],
    repeats: true,
    ..NODE
};
