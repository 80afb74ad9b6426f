//! Room 2: the handshake, which certificate a client is shown, and what is spoken afterwards.
//! Also what is shown to origin servers, and what is asked of them.

mod accept;
mod client_auth;
mod directory;
mod facts;
mod identity;
mod pair;
mod pin;
mod policy;
mod server;
mod store;
mod table;
mod upstream;

pub use accept::accept;
pub use facts::Facts;
pub use identity::ClientIdentity;
pub use server::{ClientCertFields, ServerTls, TlsFault};
pub use store::{CertificateStore, Change, Expiry};
pub use upstream::ClientTls;

/// What is offered to clients after the handshake (RFC 7301), best first.
#[must_use]
pub fn alpn(protocols: config::Protocols) -> Vec<&'static [u8]> {
    let h2 = protocols.h2.then_some(&b"h2"[..]);
    let h1 = protocols.h1.then_some(&b"http/1.1"[..]);
    h2.into_iter().chain(h1).collect()
}
