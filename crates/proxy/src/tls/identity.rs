//! Who a client has proved to be.

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::handshake_key::base64;

/// A client's verified certificate, as it is shown to origins and logs.
#[derive(Debug)]
pub struct ClientIdentity {
    /// The distinguished name of the subject.
    pub subject: String,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
    /// The serial number, in hexadecimal.
    pub serial: String,
    /// The certificate as a field value (RFC 9440 §2.2).
    pub certificate_field: Vec<u8>,
    /// The rest of the chain as a field value (RFC 9440 §2.3); empty where there is none.
    pub chain_field: Vec<u8>,
}

impl ClientIdentity {
    /// Reads it off a verified chain.
    #[must_use]
    pub fn read(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let (first, rest) = chain.split_first()?;
        let (_, parsed) = X509Certificate::from_der(first).ok()?;
        let rest: Vec<Vec<u8>> = rest.iter().map(|certificate| binary(certificate)).collect();
        Some(Self {
            subject: parsed.subject().to_string(),
            fingerprint: hex(digest(&SHA256, first).as_ref()),
            serial: hex(unsigned(parsed.raw_serial())),
            certificate_field: binary(first),
            chain_field: rest.join(&b", "[..]),
        })
    }
}

/// A number without the octet that only says that it is positive (X.690 §8.3.2).
fn unsigned(serial: &[u8]) -> &[u8] {
    match serial {
        [0, rest @ ..] if !rest.is_empty() => rest,
        _ => serial,
    }
}

/// A byte sequence of RFC 8941 §3.3.5.
fn binary(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![b':'];
    out.extend_from_slice(&base64(bytes));
    out.push(b':');
    out
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0') as char;
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
