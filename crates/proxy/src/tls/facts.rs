//! What is known of a client's TLS session once its handshake is over.

use rustls::{HandshakeKind, ProtocolVersion};

use crate::io::Session;

/// The facts of one session. They last as long as the connection.
#[derive(Debug)]
pub struct Facts {
    /// The name that the client asked for, in lower case (RFC 6066 §3).
    pub server_name: Option<Box<str>>,
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite by its registered name.
    pub cipher: &'static str,
    /// HTTP/2 was agreed upon (RFC 7301).
    pub is_h2: bool,
    /// An earlier session was resumed.
    pub is_resumed: bool,
}

impl Facts {
    /// Reads them off a session.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let common = session.common();
        let version = match common.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        };
        let suite = common.negotiated_cipher_suite();
        let cipher = suite.and_then(|suite| suite.suite().as_str()).unwrap_or_default();
        Self {
            server_name: session.server_name().map(Box::from),
            version,
            cipher,
            is_h2: common.alpn_protocol() == Some(b"h2"),
            is_resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }
}
