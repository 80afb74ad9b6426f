//! Extended CONNECT (RFC 8441) as the request that HTTP/1.1 would have made, and back. Inside,
//! there is one way to ask for another protocol, whatever the client or the origin speaks.

use http1::{BodyLength, Known, Refusal, RequestHead, ResponseHead};

use crate::handshake_key;

/// Reads the head of a request; an extended CONNECT is read as a GET, since that is what it means
/// to routes and rules.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(
    parts: &http::request::Parts,
    protocol: Option<&str>,
    read: impl FnOnce(&http::request::Parts) -> Result<BodyLength, Refusal>,
) -> Result<BodyLength, Refusal> {
    let Some(protocol) = protocol else { return read(parts) };
    if !protocol.eq_ignore_ascii_case("websocket") {
        return Err(Refusal::ConnectRefused);
    }
    let mut parts = parts.clone();
    parts.method = http::Method::GET;
    read(&parts)?;
    Ok(BodyLength::None)
}

/// Adds what a request of HTTP/1.1 for the same would have (RFC 6455 §4.1).
pub(super) fn prepare(head: &mut RequestHead) {
    head.headers.set_known(Known::Upgrade, b"websocket");
    head.headers.set(b"Sec-WebSocket-Key", &handshake_key::new());
}

/// Makes the origin's 101 what HTTP/2 says instead (RFC 8441 §5.1).
pub(super) fn accept(head: &mut ResponseHead) {
    head.status = 200;
    head.headers.remove(Known::Upgrade);
    head.headers.remove_named(b"Sec-WebSocket-Accept");
}
