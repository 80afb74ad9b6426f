//! Room 2: the handshake, which certificate a client is shown, and what is spoken afterwards.

mod accept;
mod facts;
mod server;

pub use accept::accept;
pub use facts::Facts;
pub use server::{ServerTls, TlsFault};

/// What is offered to clients after the handshake (RFC 7301), best first.
#[must_use]
pub fn alpn(protocols: config::Protocols) -> Vec<&'static [u8]> {
    let h2 = protocols.h2.then_some(&b"h2"[..]);
    let h1 = protocols.h1.then_some(&b"http/1.1"[..]);
    h2.into_iter().chain(h1).collect()
}
