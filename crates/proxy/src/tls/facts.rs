//! What is known of a client's TLS session once its handshake is over.

use rustls::{HandshakeKind, ProtocolVersion};

use super::{ClientCertFields, ClientIdentity};
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
    /// What was agreed upon to speak (RFC 7301): `h2`, `http/1.1`, or nothing.
    pub alpn: Option<&'static str>,
    /// An earlier session was resumed.
    pub is_resumed: bool,
    /// Who the client has proved to be.
    pub identity: Option<ClientIdentity>,
    /// The fields that show it to origins.
    pub client_cert: Option<ClientCertFields>,
}

impl Facts {
    /// Reads them off a session.
    #[must_use]
    pub fn of(session: &Session, client_cert: Option<&ClientCertFields>) -> Self {
        let common = session.common();
        let version = match common.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        };
        let suite = common.negotiated_cipher_suite();
        let cipher = suite.and_then(|suite| suite.suite().as_str()).unwrap_or_default();
        let identity = common.peer_certificates().and_then(ClientIdentity::read);
        Self {
            client_cert: client_cert.filter(|_| identity.is_some()).cloned(),
            server_name: session.server_name().map(|name| name.to_ascii_lowercase().into()),
            version,
            cipher,
            alpn: match common.alpn_protocol() {
                Some(b"h2") => Some("h2"),
                Some(b"http/1.1") => Some("http/1.1"),
                _ => None,
            },
            identity,
            is_resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }
}
