//! Our side of TLS towards origin servers.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};

use super::TlsFault;
use super::pin::Pinned;
use super::{client_auth, pair, policy};

/// How connections to the servers of an upstream are encrypted.
#[derive(Debug)]
pub struct ClientTls {
    /// The configuration that every worker shares, with the sessions that can be resumed.
    pub config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

impl ClientTls {
    /// Loads what the configuration names.
    ///
    /// # Errors
    /// When a file cannot be used, or the system has no authorities.
    pub fn build(tls: &config::UpstreamTls, alpn: &[&[u8]]) -> Result<Self, TlsFault> {
        let fault = |reason: String| TlsFault::new(reason, tls.span);
        let provider = policy::provider(config::TlsPolicy::Compatible);
        let verifier = verifier(tls, &provider).map_err(fault)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(policy::versions(config::TlsVersion::Tls12))
            .map_err(|error| fault(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &tls.certificate {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = pair::certificates(chain).map_err(fault)?;
                let key = pair::private_key(key).map_err(fault)?;
                let built = builder.with_client_auth_cert(chain, key);
                built.map_err(|error| fault(format!("the certificate cannot be used: {error}")))?
            }
        };
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let server_name = tls.server_name.as_deref().map(name).transpose().map_err(fault)?;
        Ok(Self { config: Arc::new(config), server_name })
    }

    /// The name to ask a server for: the configured one, else its own, else none that could be
    /// verified.
    #[must_use]
    pub fn server_name(&self, host: &str) -> Option<ServerName<'static>> {
        self.server_name.clone().or_else(|| name(host).ok())
    }
}

fn name(host: &str) -> Result<ServerName<'static>, String> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(ServerName::IpAddress(address.into()));
    }
    let name = ServerName::try_from(host.to_owned());
    name.map_err(|_| format!("{host:?} is not a name that a certificate can be for"))
}

fn verifier(
    tls: &config::UpstreamTls,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let chain = if tls.verify {
        let roots = match &tls.ca {
            Some(ca) => client_auth::roots(ca)?,
            None => system_roots()?,
        };
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let built = builder.build().map_err(|error| error.to_string())?;
        if tls.pins.is_empty() {
            return Ok(built);
        }
        Some(built)
    } else {
        None
    };
    Ok(Arc::new(Pinned::new(tls.pins.clone(), chain, Arc::clone(provider))))
}

/// The authorities that this system trusts. Single ones that cannot be read are no fault.
fn system_roots() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(
            "this system trusts no authority (install ca-certificates, or set `ca`)".to_owned()
        );
    }
    Ok(roots)
}
