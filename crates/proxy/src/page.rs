//! Error responses in the form that the client asks for: HTML, JSON or plain text.

use std::io::Write;

use http1::{Headers, Known, Version, encode};

use crate::body::Body;
use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Side};
use crate::{forward, grpc};

/// The response that tells a client of a fault.
#[must_use]
pub fn error(exchange: &Exchange, fault: Fault) -> Response {
    if grpc::is_grpc(&exchange.request.headers) {
        return grpc_error(exchange, fault);
    }
    let form = Form::wanted(&exchange.request.headers);
    let mut response = respond(fault, form, exchange.request_id.as_bytes());
    if fault.side == Side::Upstream {
        let value = format!("weir; error={}", fault.proxy_status());
        response.head.headers.push_known(Known::ProxyStatus, value.as_bytes());
    }
    response
}

/// Clients of gRPC read a status among the fields, not that of HTTP.
fn grpc_error(exchange: &Exchange, fault: Fault) -> Response {
    let media = exchange.request.headers.value(Known::ContentType).unwrap_or_default();
    let mut response = Response::own(200, media, Body::Empty);
    response.declared_length = None;
    grpc::write_status(fault, &mut response.head.headers);
    forward::add_date(&mut response.head.headers);
    response.fault = Some(fault);
    response
}

/// The response to a request of which nothing is known but that it cannot be served.
#[must_use]
pub fn refusal(fault: Fault) -> Response {
    respond(fault, Form::Plain, b"")
}

/// The whole message that answers a request whose head could not even be read, or a connection
/// that is turned away. The connection ends after it.
pub fn write_refusal(fault: Fault, out: &mut Vec<u8>) {
    let response = refusal(fault);
    let length = response.body.with_data(<[u8]>::len) as u64;
    encode::response_head(
        out,
        Version::Http11,
        &response.head,
        encode::Framing::Length(length),
        encode::Persistence::Close,
    );
    response.body.with_data(|data| out.extend_from_slice(data));
}

fn respond(fault: Fault, form: Form, request_id: &[u8]) -> Response {
    let status = fault.status();
    let content = form.write(status, fault.detail(), request_id);
    let mut response = Response::own(status, form.content_type(), Body::owned(content));
    forward::add_date(&mut response.head.headers);
    response.head.headers.push_known(Known::CacheControl, b"no-store");
    if status == 503 {
        response.head.headers.push_known(Known::RetryAfter, b"1");
    }
    response.fault = Some(fault);
    response
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Html,
    Json,
}

impl Form {
    /// The first form that `Accept` names; plain text for everything else.
    fn wanted(headers: &Headers) -> Self {
        let media = headers.values(Known::Accept).flat_map(|value| value.split(|b| *b == b','));
        for range in media {
            let kind = range.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            match kind.to_ascii_lowercase().as_slice() {
                b"text/html" | b"application/xhtml+xml" => return Self::Html,
                b"application/json" | b"application/problem+json" => return Self::Json,
                b"text/plain" => return Self::Plain,
                _ => {}
            }
        }
        Self::Plain
    }

    fn content_type(self) -> &'static [u8] {
        match self {
            Self::Plain => b"text/plain; charset=utf-8",
            Self::Html => b"text/html; charset=utf-8",
            Self::Json => b"application/problem+json",
        }
    }

    fn write(self, status: u16, detail: &str, request_id: &[u8]) -> Vec<u8> {
        let title = encode::reason(status);
        // Ids are made of characters that need no escaping anywhere.
        let id = std::str::from_utf8(request_id).unwrap_or_default();
        let mut out = Vec::new();
        // Writing to memory cannot fail.
        let _ = match self {
            Self::Plain if id.is_empty() => write!(out, "{status} {title}\n{detail}\n"),
            Self::Plain => write!(out, "{status} {title}\n{detail}\n{id}\n"),
            Self::Html => write!(
                out,
                "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
                 <title>{status} {title}</title></head>\n<body><h1>{status} {title}</h1>\
                 <p>{detail}</p><p><small>{id}</small></p></body></html>\n"
            ),
            // The members of RFC 9457.
            Self::Json => writeln!(
                out,
                "{{\"status\":{status},\"title\":\"{title}\",\"detail\":\"{detail}\",\
                 \"request_id\":\"{id}\"}}"
            ),
        };
        out
    }
}
