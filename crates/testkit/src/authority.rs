//! Certificate authorities of tests, and what they vouch for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

/// An authority with an ECDSA key.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// The authorities between this one and the root, the nearest first.
    chain: String,
}

/// A certificate with its key.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The certificate, and what is between it and the root.
    pub pem: String,
    /// The key, PKCS#8.
    pub key: String,
    /// The certificate itself.
    pub der: Vec<u8>,
    serial: SerialNumber,
}

/// What sets a certificate apart from the usual one.
#[derive(Debug)]
struct Wish {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    /// A root.
    ///
    /// # Panics
    /// When the machine has no randomness.
    #[must_use]
    pub fn new() -> Self {
        Self::named("Weir test root")
    }

    /// A root with this common name.
    ///
    /// # Panics
    /// When the machine has no randomness.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(authority_params(name), key);
        Self { issuer: issuer.expect("an authority"), chain: String::new() }
    }

    /// An authority that this one vouches for. Its certificates come with its own.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::signed_by(authority_params(name), key, &self.issuer);
        let issuer = issuer.expect("an authority");
        Self { chain: issuer.pem() + &self.chain, issuer }
    }

    /// Its own certificate.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Its own certificate.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for these names and addresses, ECDSA P-256, the first as common name.
    #[must_use]
    pub fn leaf(&self, names: &[&str]) -> Leaf {
        self.sign(Wish::new(names, &rcgen::PKCS_ECDSA_P256_SHA256))
    }

    /// As [`Authority::leaf`] with an RSA key of 2048 bits.
    #[must_use]
    pub fn rsa_leaf(&self, names: &[&str]) -> Leaf {
        self.sign(Wish::new(names, &rcgen::PKCS_RSA_SHA256))
    }

    /// As [`Authority::leaf`], valid between these days counted from today.
    #[must_use]
    pub fn dated_leaf(&self, names: &[&str], days: std::ops::Range<i64>) -> Leaf {
        let mut wish = Wish::new(names, &rcgen::PKCS_ECDSA_P256_SHA256);
        wish.params.not_before = date_time_ymd(1970, 1, 1) + in_days(days.start);
        wish.params.not_after = date_time_ymd(1970, 1, 1) + in_days(days.end);
        self.sign(wish)
    }

    /// A certificate for a client of this name, and no host.
    #[must_use]
    pub fn client(&self, name: &str) -> Leaf {
        let mut wish = Wish::new(&[], &rcgen::PKCS_ECDSA_P256_SHA256);
        wish.params.distinguished_name.push(DnType::CommonName, name);
        wish.params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(wish)
    }

    /// A list that revokes these certificates of this authority, PEM.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn revoke(&self, leaves: &[&Leaf]) -> String {
        let revoked = |leaf: &&Leaf| RevokedCertParams {
            serial_number: leaf.serial.clone(),
            revocation_time: date_time_ymd(1970, 1, 1) + in_days(-1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1) + in_days(-1),
            next_update: date_time_ymd(1970, 1, 1) + in_days(30),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: leaves.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).and_then(|list| list.pem()).expect("a list")
    }

    fn sign(&self, wish: Wish) -> Leaf {
        let Wish { mut params, key } = wish;
        let serial = next_serial();
        params.serial_number = Some(serial.clone());
        let made = params.signed_by(&key, &self.issuer).expect("a certificate");
        Leaf {
            pem: made.pem() + &self.chain,
            key: key.serialize_pem(),
            der: made.der().to_vec(),
            serial,
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Leaf {
    /// Certificate, chain and key in one file.
    #[must_use]
    pub fn both(&self) -> String {
        format!("{}{}", self.pem, self.key)
    }

    /// The serial number in hexadecimal.
    #[must_use]
    pub fn serial(&self) -> String {
        self.serial.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Wish {
    fn new(names: &[&str], algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let owned: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(owned).expect("names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(first) = names.first() {
            params.distinguished_name.push(DnType::CommonName, *first);
        }
        params.not_before = date_time_ymd(1970, 1, 1) + in_days(-1);
        params.not_after = date_time_ymd(1970, 1, 1) + in_days(90);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        Self { params, key: KeyPair::generate_for(algorithm).expect("a key") }
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params.serial_number = Some(next_serial());
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(1970, 1, 1) + in_days(-2);
    params.not_after = date_time_ymd(1970, 1, 1) + in_days(3650);
    params
}

/// Serial numbers that no other certificate of this process has, nor one of the last run.
fn next_serial() -> SerialNumber {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // The highest bit is set, so that DER needs one more octet for it.
    let base = 1 << 63 | now().as_secs() << 20;
    SerialNumber::from(base + NEXT.fetch_add(1, Ordering::Relaxed))
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock")
}

/// The time since 1970 in so many days from now.
fn in_days(days: i64) -> Duration {
    const DAY_S: u64 = 24 * 3600;
    let shift = Duration::from_secs(days.unsigned_abs() * DAY_S);
    if days < 0 { now() - shift } else { now() + shift }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_comes_with_its_chain_but_without_the_root() {
        let root = Authority::new();
        let count = |pem: &str| pem.matches("BEGIN CERTIFICATE").count();
        assert_eq!(count(&root.leaf(&["a.test"]).pem), 1);
        let leaf = root.intermediate("between").leaf(&["a.test", "127.0.0.1"]);
        assert_eq!(count(&leaf.pem), 2);
        assert!(leaf.both().contains("BEGIN PRIVATE KEY"));
        assert_ne!(root.client("one").serial(), root.client("one").serial());
    }
}
