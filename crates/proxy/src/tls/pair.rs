//! A certificate with its key, read from files.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The largest file of certificates or keys that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where a pair comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) chain: PathBuf,
    pub(super) key: PathBuf,
    pub(super) ocsp: Option<PathBuf>,
}

/// A certificate that can be shown.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    /// The names it is for, in lower case; `*.example.com` for a wildcard.
    pub(super) names: Vec<String>,
    /// Seconds since 1970.
    pub(super) not_before_s: i64,
    pub(super) not_after_s: i64,
}

impl Files {
    /// What tells whether a file has changed since it was read.
    pub(super) fn stamp(&self) -> Stamp {
        let of = |path: &PathBuf| {
            let found = fs::metadata(path).ok()?;
            Some((found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
        };
        Stamp([of(&self.chain), of(&self.key), self.ocsp.as_ref().and_then(of)])
    }

    /// Reads the pair.
    ///
    /// # Errors
    /// What is wrong, in a sentence that names the file.
    pub(super) fn load(&self, provider: &CryptoProvider) -> Result<Pair, String> {
        let chain = certificates(&self.chain)?;
        let key = private_key(&self.key)?;
        let mut certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| {
            let (chain, key) = (self.chain.display(), self.key.display());
            match error {
                rustls::Error::InconsistentKeys(_) => {
                    format!("the key in {key} does not belong to the certificate in {chain}")
                }
                error => format!("the key in {key} cannot be used: {error}"),
            }
        })?;
        if let Some(ocsp) = &self.ocsp {
            certified.ocsp = Some(ocsp_response(ocsp)?);
        }
        let first = certified.cert.first().cloned().unwrap_or_else(|| CertificateDer::from(vec![]));
        let unreadable = || format!("the certificate in {} cannot be read", self.chain.display());
        let (_, parsed) = X509Certificate::from_der(&first).map_err(|_| unreadable())?;
        let validity = parsed.validity();
        Ok(Pair {
            names: names(&parsed),
            not_before_s: validity.not_before.timestamp(),
            not_after_s: validity.not_after.timestamp(),
            key: Arc::new(certified),
        })
    }
}

impl Pair {
    /// Whether the key is RSA; every other kind counts as the modern one.
    pub(super) fn is_rsa(&self) -> bool {
        self.key.key.algorithm() == SignatureAlgorithm::RSA
    }

    /// What is odd about the certificate's dates, if anything is.
    pub(super) fn date_warning(&self, now_s: i64) -> Option<String> {
        const SOON_S: i64 = 14 * 24 * 3600;
        let days = (self.not_after_s - now_s) / (24 * 3600);
        match () {
            () if now_s < self.not_before_s => Some("is not valid yet".to_owned()),
            () if now_s >= self.not_after_s => Some("has expired".to_owned()),
            () if now_s + SOON_S >= self.not_after_s => Some(format!("expires in {days} days")),
            () => None,
        }
    }
}

/// What tells whether files have changed: inode, size and time of change of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp([Option<(u64, u64, i64, i64)>; 3]);

/// Reads a file of PEM certificates; at least one.
///
/// # Errors
/// What is wrong, in a sentence that names the file.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err(format!("there is no certificate in {} (PEM is expected)", path.display()))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(format!("{} is not PEM: {error}", path.display())),
    }
}

/// Reads the first private key of a PEM file: PKCS#8, SEC1 or PKCS#1.
///
/// # Errors
/// What is wrong, in a sentence that names the file.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        let shown = path.display();
        let holds = |mark: &[u8]| memchr::memmem::find(&text, mark).is_some();
        match error {
            _ if holds(b"BEGIN ENCRYPTED PRIVATE KEY") || holds(b"Proc-Type: 4,ENCRYPTED") => {
                format!("the key in {shown} is encrypted: decrypt it with `openssl pkey -in`")
            }
            pem::Error::NoItemsFound => format!("there is no private key in {shown}"),
            error => format!("the key in {shown} cannot be read: {error}"),
        }
    })
}

/// Reads an OCSP response in DER.
fn ocsp_response(path: &Path) -> Result<Vec<u8>, String> {
    const SEQUENCE: u8 = 0x30;
    let bytes = read(path)?;
    match bytes.first() {
        Some(&SEQUENCE) => Ok(bytes),
        _ => Err(format!("{} is not an OCSP response in DER", path.display())),
    }
}

/// Reads a file that cannot be large.
///
/// # Errors
/// What is wrong, in a sentence that names the file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let found = fs::metadata(path).map_err(failed)?;
    if found.len() > FILE_BYTES_MAX {
        return Err(format!("{} is too large to be a certificate or a key", path.display()));
    }
    fs::read(path).map_err(failed)
}

/// The names of a certificate: its alternative names, else its common name.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    if let Ok(Some(alternatives)) = certificate.subject_alternative_name() {
        return alternatives.value.general_names.iter().filter_map(alternative).collect();
    }
    let common = certificate.subject().iter_common_name().next();
    let common = common.and_then(|name| name.as_str().ok());
    common.map(str::to_ascii_lowercase).into_iter().collect()
}

fn alternative(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(std::net::IpAddr::from);
            let v6 = <[u8; 16]>::try_from(*bytes).map(std::net::IpAddr::from);
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}
