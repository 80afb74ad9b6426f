//! Servers that are known by their keys, beside or instead of being vouched for.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Accepts a server whose own key, or that of an authority on the way to it, is one of these; any
/// server where there are no pins, which only `verify=#false` asks for. The handshake itself is
/// always verified.
#[derive(Debug)]
pub(super) struct Pinned {
    pins: Vec<[u8; 32]>,
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    /// `chain` verifies who vouches for a server, where that is asked for too.
    pub(super) fn new(
        pins: Vec<[u8; 32]>,
        chain: Option<Arc<WebPkiServerVerifier>>,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self { pins, chain, provider }
    }

    fn is_pinned(&self, certificate: &X509Certificate<'_>) -> bool {
        let hash = digest(&SHA256, certificate.public_key().raw);
        self.pins.iter().any(|pin| pin == hash.as_ref())
    }

    /// Whether a pinned key is the server's own, or has signed what vouches for it. Whatever
    /// else a server sends proves nothing: who sends a certificate need not have its key.
    fn has_pinned_key(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> bool {
        let parse = |der| X509Certificate::from_der(der).ok().map(|(_, parsed)| parsed);
        let Some(mut vouched) = parse(end_entity) else { return false };
        let mut others: Vec<_> = intermediates.iter().filter_map(|der| parse(der)).collect();
        while !self.is_pinned(&vouched) {
            let signer = others.iter().position(|other| {
                other.subject().as_raw() == vouched.issuer().as_raw()
                    && vouched.verify_signature(Some(other.public_key())).is_ok()
            });
            let Some(signer) = signer else { return false };
            vouched = others.swap_remove(signer);
        }
        true
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(chain) = &self.chain {
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        }
        // Without a verified chain only the server's own key says anything.
        let vouching = if self.chain.is_some() { intermediates } else { &[] };
        if self.pins.is_empty() || self.has_pinned_key(end_entity, vouching) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
