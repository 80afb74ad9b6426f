//! A listener's side of TLS.

use std::sync::Arc;

/// Why TLS material cannot be used.
#[derive(Debug)]
pub struct TlsFault {
    /// What is wrong.
    pub message: String,
}

/// What a listener shows its clients.
#[derive(Debug)]
pub struct ServerTls {
    /// The configuration that every worker shares.
    pub config: Arc<rustls::ServerConfig>,
}

impl ServerTls {
    /// Loads what the configuration names.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn build(
        tls: &config::Tls,
        alpn: &[&'static [u8]],
        _: Option<&Self>,
    ) -> Result<Self, TlsFault> {
        use rustls::pki_types::pem::PemObject;
        let first = &tls.certificates[0];
        let chain = rustls::pki_types::CertificateDer::pem_file_iter(&first.chain)
            .unwrap()
            .map(|c| c.unwrap())
            .collect();
        let key = rustls::pki_types::PrivateKeyDer::from_pem_file(&first.key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
        Ok(Self { config: Arc::new(config) })
    }
}
