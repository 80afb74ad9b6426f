//! An authority for this machine alone, so that the demo can be seen encrypted.
//!
//! It is made once and kept, because trusting it is work. Its key may sign for `localhost` and
//! nothing else: whoever got hold of it could not pass for any other host.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};

/// The names that the demo is reached by.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The name of the authority.
const COMMON_NAME: &str = "Weir demo on this machine";

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long the authority and what it signs are good for.
const AUTHORITY_DAYS: u32 = 3650;
const CERTIFICATE_DAYS: u32 = 30;

/// The files of the authority and of what it has signed.
pub(super) struct Authority {
    /// To be trusted by clients.
    pub(super) ca: PathBuf,
    /// For Weir: certificate and key.
    pub(super) certificate: PathBuf,
}

impl Authority {
    /// Takes the authority of this user, or makes one, and lets it sign for this machine.
    ///
    /// # Errors
    /// When there is no place to keep it.
    pub(super) fn prepare(folder: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let (ca, key_file) = (folder.join("ca.pem"), folder.join("ca.key"));
        let key = match fs::read_to_string(&key_file) {
            Ok(text) if ca.is_file() => KeyPair::from_pem(&text).map_err(io::Error::other)?,
            _ => make(&ca, &key_file)?,
        };
        let certificate = folder.join("localhost.pem");
        sign(&certificate, &Issuer::new(authority(), key))?;
        Ok(Self { ca, certificate })
    }
}

/// Where a user's data is kept.
pub(super) fn folder() -> PathBuf {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share"));
    let user = rustix::process::getuid().as_raw();
    let base = data.or(home).unwrap_or_else(|| std::env::temp_dir().join(format!("user-{user}")));
    base.join("weir/demo")
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, COMMON_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let here = [
        GeneralSubtree::DnsName("localhost".to_owned()),
        GeneralSubtree::IpAddress(CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0])),
        GeneralSubtree::IpAddress(CidrSubnet::V6(
            std::net::Ipv6Addr::LOCALHOST.octets(),
            [0xff; 16],
        )),
    ];
    let constraints =
        NameConstraints { permitted_subtrees: here.to_vec(), excluded_subtrees: Vec::new() };
    params.name_constraints = Some(constraints);
    valid_for(&mut params, AUTHORITY_DAYS);
    params
}

fn make(ca: &Path, key_file: &Path) -> io::Result<KeyPair> {
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = authority().self_signed(&key).map_err(io::Error::other)?;
    write(key_file, &key.serialize_pem())?;
    write(ca, &certificate.pem())?;
    Ok(key)
}

fn sign(file: &Path, issuer: &Issuer<'_, KeyPair>) -> io::Result<()> {
    let names = NAMES.map(str::to_owned).to_vec();
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid_for(&mut params, CERTIFICATE_DAYS);
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = params.signed_by(&key, issuer).map_err(io::Error::other)?;
    write(file, &(certificate.pem() + &key.serialize_pem()))
}

/// From yesterday on, since clocks differ.
fn valid_for(params: &mut CertificateParams, days: u32) {
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * days).into();
}

/// Writes a file that only this user may read, whole or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("new");
    // One left over from a run that was cut short.
    let _ = fs::remove_file(&fresh);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_stays_and_signs_anew() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("weir/demo");
        let first = Authority::prepare(&folder).unwrap();
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let (ca, certificate) = (read(&first.ca), read(&first.certificate));
        let second = Authority::prepare(&folder).unwrap();
        assert_eq!(read(&second.ca), ca);
        assert_ne!(read(&second.certificate), certificate);
        assert!(certificate.contains("BEGIN PRIVATE KEY"));
    }
}
