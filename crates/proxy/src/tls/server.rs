//! A listener's side of TLS, compiled.

use std::sync::Arc;

use config::Span;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{NoClientAuth, ProducesTickets};
use rustls::{ServerConfig, server::danger::ClientCertVerifier};

use super::client_auth::ClientPolicy;
use super::policy;
use super::store::CertificateStore;

/// Tickets after a full handshake of TLS 1.3: a connection of HTTP/2 needs no second one.
const TICKETS: usize = 1;

/// Why TLS material cannot be used.
#[derive(Debug)]
pub struct TlsFault {
    /// What is wrong.
    pub message: String,
    /// Where the configuration names it.
    pub span: Span,
}

impl TlsFault {
    pub(super) fn new(message: String, span: Span) -> Self {
        Self { message, span }
    }
}

/// What a listener shows its clients.
#[derive(Debug)]
pub struct ServerTls {
    /// The configuration that every worker shares.
    pub config: Arc<ServerConfig>,
    /// The certificates.
    pub store: Arc<CertificateStore>,
    /// The fields that carry a client's certificate to origins.
    pub client_cert: Option<ClientCertFields>,
    tickets: Arc<dyn ProducesTickets>,
    /// Whom the tickets were given to: a session that began under one policy must not go on
    /// under another.
    client_policy: Option<[u8; 32]>,
}

/// The fields that carry a client's certificate to origins (RFC 9440).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertFields {
    /// For the certificate.
    pub header: String,
    /// For the rest of its chain.
    pub chain_header: Option<String>,
}

impl ServerTls {
    /// Loads what the configuration names. Sessions of `before` can be resumed where clients have
    /// to prove the same.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn build(
        tls: &config::Tls,
        alpn: &[&'static [u8]],
        before: Option<&Self>,
    ) -> Result<Self, TlsFault> {
        let provider = policy::provider(tls.policy);
        let store = Arc::new(CertificateStore::load(tls, &provider)?);
        let clients = tls.client_auth.as_ref();
        let clients = clients.map(|auth| ClientPolicy::load(auth, &provider)).transpose()?;
        let client_policy = clients.as_ref().map(|clients| clients.print);
        let failed = |error: rustls::Error| TlsFault::new(error.to_string(), tls.span);
        let tickets = match before.filter(|before| before.client_policy == client_policy) {
            Some(before) => Arc::clone(&before.tickets),
            None => Ticketer::new().map_err(failed)?,
        };
        let verifier: Arc<dyn ClientCertVerifier> =
            clients.map_or_else(|| Arc::new(NoClientAuth) as _, |clients| clients.verifier);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(policy::versions(tls.min_version))
            .map_err(failed)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::clone(&store) as _);
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        config.ticketer = Arc::clone(&tickets);
        config.send_tls13_tickets = TICKETS;
        config.max_early_data_size = 0;
        // Ours is the better order: a client cannot be talked into the weakest of what it offers.
        config.ignore_client_order = true;
        let client_cert = tls.client_auth.as_ref().map(|auth| ClientCertFields {
            header: auth.header.clone(),
            chain_header: auth.chain_header.clone(),
        });
        Ok(Self { config: Arc::new(config), store, client_cert, tickets, client_policy })
    }
}
