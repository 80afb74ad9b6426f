//! Certificates in a directory, found by their names when somebody asks for them.
//!
//! A pair is small and is read once, so the worker that first needs it reads it itself. However
//! many there are, those that nobody asks for cost nothing.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hashbrown::HashMap;
use rustls::crypto::CryptoProvider;

use super::pair::{Files, Stamp};
use super::table::Candidates;

/// The longest name of a host (RFC 1035 §2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// A directory of `NAME.pem` and `NAME.key`.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    loaded_max: usize,
    loaded: Mutex<Loaded>,
}

#[derive(Debug, Default)]
struct Loaded {
    entries: HashMap<Box<str>, Entry, foldhash::fast::RandomState>,
    /// Files that could not be used, as they were then: told once, and not read again.
    broken: HashMap<Box<str>, Stamp, foldhash::fast::RandomState>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    candidates: Candidates,
    files: Files,
    stamp: Stamp,
    used: u64,
}

impl Directory {
    pub(super) fn new(path: &Path, loaded_max: usize) -> Self {
        Self { path: path.to_owned(), loaded_max: loaded_max.max(1), loaded: Mutex::default() }
    }

    /// The certificates for a name in lower case: its own, else those of its wildcard.
    pub(super) fn find(&self, name: &str, provider: &CryptoProvider) -> Option<Candidates> {
        if !is_name(name) {
            return None;
        }
        self.get(name, provider).or_else(|| {
            let (_, suffix) = name.split_once('.')?;
            self.get(&format!("_.{suffix}"), provider)
        })
    }

    /// The stem of the files that a name is served from, without reading them.
    pub(super) fn stem(&self, name: &str) -> Option<String> {
        if !is_name(name) {
            return None;
        }
        let wildcard = name.split_once('.').map(|(_, suffix)| format!("_.{suffix}"));
        let stems = std::iter::once(name.to_owned()).chain(wildcard);
        stems.into_iter().find(|stem| self.files(stem).is_some())
    }

    fn get(&self, stem: &str, provider: &CryptoProvider) -> Option<Candidates> {
        {
            let mut loaded = self.loaded.lock().ok()?;
            loaded.clock += 1;
            let now = loaded.clock;
            if let Some(entry) = loaded.entries.get_mut(stem) {
                entry.used = now;
                return Some(entry.candidates.clone());
            }
        }
        let files = self.files(stem)?;
        let stamp = files.stamp();
        if self.loaded.lock().ok()?.broken.get(stem) == Some(&stamp) {
            return None;
        }
        let read = load(&files, provider);
        let mut loaded = self.loaded.lock().ok()?;
        let candidates = match read {
            Ok(candidates) => candidates,
            Err(reason) => {
                loaded.note_broken(stem, stamp, self.loaded_max);
                told(&reason);
                return None;
            }
        };
        loaded.broken.remove(stem);
        if loaded.entries.len() >= self.loaded_max {
            loaded.make_room();
        }
        let used = loaded.clock;
        let entry = Entry { candidates: candidates.clone(), files, stamp, used };
        loaded.entries.insert(stem.into(), entry);
        Some(candidates)
    }

    /// The files of a name, if they are there: the key may be in the certificate's own.
    fn files(&self, stem: &str) -> Option<Files> {
        let chain = self.path.join(format!("{stem}.pem"));
        if !chain.is_file() {
            return None;
        }
        let key = self.path.join(format!("{stem}.key"));
        let key = if key.is_file() { key } else { chain.clone() };
        Some(Files { chain, key, ocsp: None })
    }

    /// Loads again what has changed; returns what went wrong.
    pub(super) fn refresh(&self, provider: &CryptoProvider) -> Vec<String> {
        let mut faults = Vec::new();
        // Handshakes wait for the lock and not for the disk.
        for (stem, files, known) in self.known() {
            let stamp = files.stamp();
            if stamp == known {
                continue;
            }
            let read = load(&files, provider);
            let Ok(mut loaded) = self.loaded.lock() else { break };
            match (read, loaded.entries.get_mut(&stem)) {
                (_, None) => {}
                (Ok(candidates), Some(entry)) => {
                    entry.candidates = candidates;
                    entry.stamp = stamp;
                }
                // One that was taken away is forgotten; a broken one leaves the old in force.
                (Err(_), Some(_)) if !files.chain.exists() => drop(loaded.entries.remove(&stem)),
                (Err(reason), Some(entry)) => {
                    entry.stamp = stamp;
                    faults.push(reason);
                }
            }
        }
        faults
    }

    /// What is in memory, and where it came from.
    fn known(&self) -> Vec<(Box<str>, Files, Stamp)> {
        let Ok(loaded) = self.loaded.lock() else { return Vec::new() };
        let entries = loaded.entries.iter();
        entries.map(|(stem, entry)| (stem.clone(), entry.files.clone(), entry.stamp)).collect()
    }

    /// Certificates in memory.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.loaded.lock().unwrap().entries.len()
    }
}

impl Loaded {
    fn note_broken(&mut self, stem: &str, stamp: Stamp, max: usize) {
        if self.broken.len() >= max {
            self.broken.clear();
        }
        self.broken.insert(stem.into(), stamp);
    }

    /// Forgets the less recently used half: rarely done, so that it may cost a pass.
    fn make_room(&mut self) {
        let mut uses: Vec<u64> = self.entries.values().map(|entry| entry.used).collect();
        let middle = uses.len() / 2;
        let (_, median, _) = uses.select_nth_unstable(middle);
        let median = *median;
        self.entries.retain(|_, entry| entry.used > median);
    }
}

fn load(files: &Files, provider: &CryptoProvider) -> Result<Candidates, String> {
    let mut candidates = Candidates::default();
    candidates.add(&files.load(provider)?);
    Ok(candidates)
}

/// A client can ask for the name of a broken file at any time: that is told, and no more.
fn told(reason: &str) {
    eprintln!("weir: {reason}");
}

/// Whether this can be the name of a host, and so of no file but its own.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    name.len() <= NAME_BYTES_MAX && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_hosts_become_names_of_files() {
        for good in ["a", "a.example", "xn--bcher-kva.example", "1.2.3.4"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "../a", "a..b", "A.example", "_.example", "a b", "a\0"] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn pairs_are_loaded_when_asked_for_and_the_unused_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let names = ["a.example", "b.example", "_.c.example", "d.example"];
        for name in names {
            let made = rcgen::generate_simple_self_signed([name.replace('_', "*")]).unwrap();
            let text = made.cert.pem() + &made.signing_key.serialize_pem();
            std::fs::write(folder.path().join(format!("{name}.pem")), text).unwrap();
        }
        let directory = Directory::new(folder.path(), 3);
        assert_eq!(directory.len(), 0);
        assert!(directory.find("x.example", &provider).is_none());
        for name in ["a.example", "b.example", "x.c.example"] {
            assert!(directory.find(name, &provider).is_some(), "{name}");
        }
        let before = directory.find("x.c.example", &provider).unwrap();
        assert!(directory.find("y.c.example", &provider).unwrap().is_same(&before));
        assert!(directory.find("c.example", &provider).is_none());
        assert_eq!(directory.len(), 3);
        assert!(directory.find("d.example", &provider).is_some());
        assert!(directory.len() <= 3);
        assert_eq!(directory.stem("x.c.example").as_deref(), Some("_.c.example"));
        assert_eq!(directory.stem("e.example"), None);
        std::fs::write(folder.path().join("e.example.pem"), "broken").unwrap();
        assert!(directory.find("e.example", &provider).is_none());
        assert_eq!(directory.loaded.lock().unwrap().broken.len(), 1);
        let made = rcgen::generate_simple_self_signed(["e.example".to_owned()]).unwrap();
        let text = made.cert.pem() + &made.signing_key.serialize_pem();
        std::fs::write(folder.path().join("e.example.pem"), text).unwrap();
        assert!(directory.find("e.example", &provider).is_some(), "mended");
        assert!(directory.find("d.example", &provider).is_some());
        std::fs::remove_file(folder.path().join("d.example.pem")).unwrap();
        assert!(directory.refresh(&provider).is_empty());
        assert!(directory.find("d.example", &provider).is_none());
    }
}
