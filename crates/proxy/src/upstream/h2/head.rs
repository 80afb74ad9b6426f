//! Heads of requests to servers, and of their responses.

use h2::ext::Protocol;
use http::header::{HeaderValue, TE};
use http::{HeaderMap, Method, Request, StatusCode, Uri, Version};
use http1::encode::Framing;
use http1::{Known, Refusal, RequestHead, ResponseHead};

use crate::codec::h2::copy_fields;

/// The head of a request. `protocol` asks for a tunnel (RFC 8441 §4).
///
/// # Errors
/// When it cannot be said in HTTP/2.
pub(super) fn request(
    head: &RequestHead,
    scheme: &'static str,
    (framing, sends_trailers): (Framing, bool),
    protocol: Option<&str>,
) -> Result<Request<()>, Refusal> {
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = uri(head, scheme)?;
    let method = Method::from_bytes(head.method.as_str().as_bytes());
    *request.method_mut() = method.map_err(|_| Refusal::MethodTooLong)?;
    fields(head, request.headers_mut());
    // What follows a request for a tunnel is not its content.
    if let (Framing::Length(bytes), None) = (framing, protocol) {
        request.headers_mut().insert(http::header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    if sends_trailers {
        request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(protocol) = protocol {
        *request.method_mut() = Method::CONNECT;
        request.extensions_mut().insert(Protocol::from(protocol));
        request.headers_mut().remove("sec-websocket-key");
    }
    Ok(request)
}

/// `Host` becomes the authority (RFC 9113 §8.3.1).
fn uri(head: &RequestHead, scheme: &'static str) -> Result<Uri, Refusal> {
    let authority = head.headers.value(Known::Host).unwrap_or(&head.authority);
    let uri = Uri::builder().scheme(scheme).authority(authority);
    let uri = uri.path_and_query(head.target.as_slice()).build();
    uri.map_err(|_| Refusal::BadTarget)
}

fn fields(head: &RequestHead, into: &mut HeaderMap) {
    copy_fields(&head.headers, into);
    into.remove(http::header::HOST);
    into.remove(http::header::EXPECT);
    if head.headers.contains(Known::Expect) {
        into.insert(http::header::EXPECT, HeaderValue::from_static("100-continue"));
    }
}

/// Reads the head of a response. Fields that no response of HTTP/2 may have never get here.
pub(super) fn response(status: StatusCode, headers: &HeaderMap, into: &mut ResponseHead) {
    into.clear();
    into.version = http1::Version::Http2;
    into.status = status.as_u16();
    for (name, value) in headers {
        into.headers.push(name.as_str().as_bytes(), value.as_bytes());
    }
}
