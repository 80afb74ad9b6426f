//! The certificates of a listener: looked up by workers, replaced when their files change.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::TlsFault;
use super::directory::Directory;
use super::pair::{Files, Pair, Stamp};
use super::table::{Candidates, Table};
use crate::io::session;

/// The certificates of one listener.
#[derive(Debug)]
pub struct CertificateStore {
    table: ArcSwap<Table>,
    configured: Mutex<Vec<Configured>>,
    directory: Option<Directory>,
    refuses_unknown: bool,
    provider: Arc<CryptoProvider>,
}

/// A pair that the configuration names.
#[derive(Debug)]
struct Configured {
    files: Files,
    stamp: Stamp,
    pair: Pair,
}

/// When a certificate ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The file of the certificate.
    pub label: String,
    /// Seconds since 1970.
    pub not_after_unix_s: i64,
    /// What is to be told of it now, if anything.
    pub warning: Option<String>,
}

/// What became of a file that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The new certificate is in force.
    Loaded(String),
    /// The old one stays, for this reason.
    Kept(String),
}

impl CertificateStore {
    /// Loads what the configuration names.
    ///
    /// # Errors
    /// When a pair cannot be used.
    pub(super) fn load(
        tls: &config::Tls,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsFault> {
        let mut configured = Vec::new();
        for certificate in &tls.certificates {
            let config::Certificate { chain, key, ocsp, span } = certificate.clone();
            let files = Files { chain, key, ocsp };
            let stamp = files.stamp();
            let pair = files.load(provider).map_err(|reason| TlsFault::new(reason, span))?;
            configured.push(Configured { files, stamp, pair });
        }
        let directory = tls.directory.as_ref();
        let directory =
            directory.map(|found| Directory::new(&found.path, found.loaded_max as usize));
        Ok(Self {
            table: ArcSwap::from_pointee(table(&configured)),
            configured: Mutex::new(configured),
            directory,
            refuses_unknown: tls.unknown_name == config::UnknownName::Refuse,
            provider: Arc::clone(provider),
        })
    }

    /// Whether a client that names `host` would be shown the certificates that one that names
    /// `asked` is shown. Names are compared without regard to case.
    #[must_use]
    pub fn is_same(&self, asked: &str, host: &str) -> bool {
        if asked.eq_ignore_ascii_case(host) {
            return true;
        }
        let (asked, host) = (lower(asked), lower(host));
        let table = self.table.load();
        match (table.find(&asked), table.find(&host)) {
            (Some(asked), Some(host)) => asked.is_same(host),
            (None, None) => self.is_same_elsewhere(&asked, &host),
            // The default may stand for a name that the table does not have.
            (Some(named), None) => self.is_first(&table, named, &host),
            (None, Some(named)) => self.is_first(&table, named, &asked),
        }
    }

    /// The same for two names that the table does not have. Nothing is read for it: whoever sends
    /// requests could make us read without end.
    fn is_same_elsewhere(&self, asked: &str, host: &str) -> bool {
        let stem = |name| self.directory.as_ref().and_then(|directory| directory.stem(name));
        match (stem(asked), stem(host)) {
            (None, None) => !self.refuses_unknown,
            (asked, host) => asked == host,
        }
    }

    fn is_first(&self, table: &Table, named: &Candidates, unknown: &str) -> bool {
        let elsewhere = self.directory.as_ref().and_then(|directory| directory.stem(unknown));
        let is_default = elsewhere.is_none() && !self.refuses_unknown;
        is_default && table.first().is_same(named)
    }

    /// Looks at the files and loads again what has changed.
    #[must_use]
    pub fn refresh(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        if let Some(directory) = &self.directory {
            changes.extend(directory.refresh(&self.provider).into_iter().map(Change::Kept));
        }
        let Ok(mut configured) = self.configured.lock() else { return changes };
        let before = changes.len();
        for entry in configured.iter_mut() {
            let stamp = entry.files.stamp();
            if stamp == entry.stamp {
                continue;
            }
            entry.stamp = stamp;
            changes.push(match entry.files.load(&self.provider) {
                Ok(pair) => {
                    entry.pair = pair;
                    Change::Loaded(entry.files.chain.display().to_string())
                }
                Err(reason) => Change::Kept(reason),
            });
        }
        if changes.len() > before {
            self.table.store(Arc::new(table(&configured)));
        }
        changes
    }

    /// When the configured certificates end.
    #[must_use]
    pub fn expiries(&self, now_unix_s: i64) -> Vec<Expiry> {
        let Ok(configured) = self.configured.lock() else { return Vec::new() };
        let expiry = |entry: &Configured| Expiry {
            label: entry.files.chain.display().to_string(),
            not_after_unix_s: entry.pair.not_after_s,
            warning: entry.pair.date_warning(now_unix_s),
        };
        configured.iter().map(expiry).collect()
    }

    fn find(&self, name: &str) -> Option<Candidates> {
        let table = self.table.load();
        if let Some(found) = table.find(name) {
            return Some(found.clone());
        }
        if let Some(directory) = &self.directory
            && let Some(found) = directory.find(name, &self.provider)
        {
            return Some(found);
        }
        (!self.refuses_unknown).then(|| table.first().clone())
    }
}

impl ResolvesServerCert for CertificateStore {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        session::note_server_name(hello.server_name());
        let candidates = match hello.server_name() {
            Some(name) => self.find(&lower(name))?,
            None => self.table.load().first().clone(),
        };
        candidates.choose(hello.signature_schemes())
    }
}

fn table(configured: &[Configured]) -> Table {
    Table::new(configured.iter().map(|entry| &entry.pair))
}

fn lower(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}
