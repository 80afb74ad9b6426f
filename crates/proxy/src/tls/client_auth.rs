//! Certificates of clients: who vouches for them, and which are revoked.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::TlsFault;
use super::pair;

/// What a listener asks of its clients. Read when the configuration is put in force.
#[derive(Debug)]
pub(super) struct ClientPolicy {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    /// Two policies with the same print accept the same clients.
    pub(super) print: [u8; 32],
}

impl ClientPolicy {
    /// Loads authorities and revocations.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub(super) fn load(
        auth: &config::ClientAuth,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsFault> {
        let fault = |reason: String| TlsFault::new(reason, auth.span);
        let roots = roots(&auth.ca).map_err(fault)?;
        let mut print = pair::read(&auth.ca).map_err(fault)?;
        let provider = Arc::clone(provider);
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        if let Some(path) = &auth.crl {
            let bytes = pair::read(path).map_err(fault)?;
            builder = builder.with_crls(revocations(path, &bytes).map_err(fault)?);
            // Whoever is not on a list of an authority without one is not revoked.
            builder = builder.allow_unknown_revocation_status();
            print.extend_from_slice(&bytes);
        }
        if !auth.required {
            builder = builder.allow_unauthenticated();
        }
        print.push(u8::from(auth.required));
        let verifier = builder.build().map_err(|error| fault(error.to_string()))?;
        let hash = digest(&SHA256, &print);
        let print = hash.as_ref().try_into().unwrap_or([0; 32]);
        Ok(Self { verifier, print })
    }
}

/// Reads authorities from a PEM file.
///
/// # Errors
/// What is wrong, in a sentence that names the file.
pub(super) fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in pair::certificates(path)? {
        roots.add(certificate).map_err(|error| {
            format!("{} holds a certificate that cannot vouch: {error}", path.display())
        })?;
    }
    Ok(roots)
}

/// Reads lists of revocations: PEM, perhaps several, or one in DER.
fn revocations(
    path: &Path,
    bytes: &[u8],
) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    if !bytes.starts_with(b"-----") && memchr::memmem::find(bytes, b"-----BEGIN").is_none() {
        return Ok(vec![CertificateRevocationListDer::from(bytes.to_vec())]);
    }
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err(format!("there is no revocation list in {}", path.display()))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(format!("{} is not PEM: {error}", path.display())),
    }
}
