//! Looking after certificates while they are in use: files that change, dates that come near.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use proxy::record::Metrics;
use proxy::snapshot::Snapshot;
use proxy::tls::{CertificateStore, Change};

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How often a warning is repeated.
const REMIND: Duration = Duration::from_secs(24 * 3600);

/// The certificates of every listener.
pub(crate) struct Certificates {
    stores: Vec<Arc<CertificateStore>>,
    metrics: Metrics,
    looked: Instant,
    warned: HashSet<String>,
    reminded: Instant,
}

impl Certificates {
    /// Takes over those of a snapshot and tells at once what is wrong with their dates.
    pub(crate) fn of(snapshot: &Snapshot, metrics: &Metrics) -> Self {
        let stores = snapshot.listeners.iter().filter_map(|listener| listener.tls.as_ref());
        let now = Instant::now();
        let mut certificates = Self {
            stores: stores.map(|tls| Arc::clone(&tls.store)).collect(),
            metrics: metrics.clone(),
            looked: now,
            warned: HashSet::new(),
            reminded: now,
        };
        certificates.tell_dates();
        certificates
    }

    /// Loads what has changed, if it is time to look.
    pub(crate) fn look(&mut self) {
        if self.looked.elapsed() < LOOK {
            return;
        }
        self.looked = Instant::now();
        let changes: Vec<_> = self.stores.iter().flat_map(|store| store.refresh()).collect();
        for change in &changes {
            match change {
                Change::Loaded(file) => eprintln!("weir: loaded the certificate in {file} again"),
                Change::Kept(reason) => {
                    self.metrics.certificate_fault();
                    eprintln!("weir: {reason}; the certificate from before stays in force");
                }
            }
        }
        if self.reminded.elapsed() >= REMIND {
            self.reminded = Instant::now();
            self.warned.clear();
            self.tell_dates();
        } else if !changes.is_empty() {
            self.tell_dates();
        }
    }

    fn tell_dates(&mut self) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_s = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let expiries: Vec<_> = self.stores.iter().flat_map(|store| store.expiries(now_s)).collect();
        for expiry in &expiries {
            if let Some(warning) = &expiry.warning {
                let line = format!("the certificate in {} {warning}", expiry.label);
                if self.warned.insert(line.clone()) {
                    eprintln!("weir: {line}");
                }
            }
        }
        let mut shown: Vec<_> = expiries
            .into_iter()
            .map(|expiry| (expiry.label, u64::try_from(expiry.not_after_unix_s).unwrap_or(0)))
            .collect();
        // A file may stand in several listeners.
        shown.sort_unstable();
        shown.dedup();
        self.metrics.set_certificates(shown);
    }
}
