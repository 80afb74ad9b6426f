//! Who a client has proved to be.

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::{AttributeTypeAndValue, FromDer, X509Certificate, X509Name};

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
            subject: distinguished(parsed.subject()),
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

/// A distinguished name as RFC 4514 writes it, so that no value can look like another attribute.
fn distinguished(name: &X509Name<'_>) -> String {
    let attribute = |attribute: &AttributeTypeAndValue<'_>| {
        let registry = oid_registry();
        let short = oid2abbrev(attribute.attr_type(), registry);
        let kind = short.map_or_else(|_| attribute.attr_type().to_id_string(), str::to_owned);
        let value = attribute
            .as_str()
            .map_or_else(|_| format!("#{}", hex(attribute.attr_value().data)), escape);
        format!("{kind}={value}")
    };
    let parts: Vec<_> = name
        .iter_rdn()
        .map(|relative| relative.iter().map(attribute).collect::<Vec<_>>().join("+"))
        .collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

/// Escapes what means something in a distinguished name (RFC 4514 §2.4).
fn escape(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut out = String::with_capacity(value.len());
    for (at, character) in value.chars().enumerate() {
        let at_an_end = at == 0 && matches!(character, ' ' | '#') || at == last && character == ' ';
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => out.push('\\'),
            _ if at_an_end => out.push('\\'),
            '\0'..='\x1f' | '\x7f' => {
                out.push_str(&format!("\\{:02X}", u32::from(character)));
                continue;
            }
            _ => {}
        }
        out.push(character);
    }
    out
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_looks_like_an_attribute() {
        let made = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        let mut name = rcgen::DistinguishedName::new();
        name.push(rcgen::DnType::OrganizationName, "Weir");
        name.push(rcgen::DnType::CommonName, "alice, O=admin");
        params.distinguished_name = name;
        let certificate = params.self_signed(&made).unwrap();
        let identity = ClientIdentity::read(&[certificate.der().clone()]).unwrap();
        assert_eq!(identity.subject, "CN=alice\\, O\\=admin,O=Weir");
        assert_eq!(escape(" #a\n"), "\\ #a\\0A");
        assert_eq!(escape("#a "), "\\#a\\ ");
    }
}
