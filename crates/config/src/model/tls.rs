//! Encryption towards clients and origin servers.

use std::path::PathBuf;
use std::time::Duration;

use super::Span;

/// A listener's `tls` node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Certificates, chosen by the name that a client asks for; the first is the default.
    pub certificates: Vec<Certificate>,
    /// A directory of further certificates, loaded when they are first asked for.
    pub directory: Option<CertificateDirectory>,
    /// What a client gets that asks for another name.
    pub unknown_name: UnknownName,
    /// Versions, cipher suites and groups as one choice.
    pub policy: TlsPolicy,
    /// The lowest version.
    pub min_version: TlsVersion,
    /// What is asked of clients.
    pub client_auth: Option<ClientAuth>,
    /// Where the node is.
    pub span: Span,
}

/// A certificate with its key, each a PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate and those that lead to its authority.
    pub chain: PathBuf,
    /// Its private key; may be the same file.
    pub key: PathBuf,
    /// An OCSP response to staple, in DER.
    pub ocsp: Option<PathBuf>,
    /// Where the node is.
    pub span: Span,
}

/// `certificates "directory"`: `NAME.pem` with `NAME.key`; `_.example.com.pem` is for
/// `*.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateDirectory {
    /// The directory.
    pub path: PathBuf,
    /// Certificates that are kept in memory.
    pub loaded_max: u32,
    /// Where the node is.
    pub span: Span,
}

/// What a client gets that asks for a name without a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownName {
    /// The first certificate.
    #[default]
    Default,
    /// An alert.
    Refuse,
}

/// Versions, cipher suites and groups as one choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsPolicy {
    /// TLS 1.2 and 1.3, with authenticated encryption and forward secrecy only.
    #[default]
    Compatible,
    /// TLS 1.3 only.
    Modern,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// `client-auth`: certificates of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// A client without a certificate is turned away.
    pub required: bool,
    /// The authorities that vouch for clients (PEM).
    pub ca: PathBuf,
    /// Revoked certificates (PEM or DER).
    pub crl: Option<PathBuf>,
    /// The field that carries a verified certificate to origins (RFC 9440).
    pub header: String,
    /// The field that carries the rest of its chain.
    pub chain_header: Option<String>,
    /// Where the node is.
    pub span: Span,
}

/// An upstream's `tls` node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamTls {
    /// The name that is asked for and verified; the server's own where there is none.
    pub server_name: Option<String>,
    /// The authorities that vouch for the servers (PEM); those of the system where there are none.
    pub ca: Option<PathBuf>,
    /// A certificate of our own with its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whether the servers' certificates are verified.
    pub verify: bool,
    /// SHA-256 of public keys, one of which the servers' chain must have; none is no pinning.
    pub pins: Vec<[u8; 32]>,
    /// Where the node is.
    pub span: Span,
}

/// A site's `hsts` node (RFC 6797).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hsts {
    /// How long browsers remember.
    pub max_age: Duration,
    /// Also for every subdomain.
    pub subdomains: bool,
    /// Browsers may ship with it.
    pub preload: bool,
    /// Where the node is.
    pub span: Span,
}
