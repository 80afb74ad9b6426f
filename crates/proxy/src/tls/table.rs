//! Which certificates a name is served with.

use std::sync::Arc;

use hashbrown::HashMap;
use rustls::SignatureScheme;
use rustls::sign::CertifiedKey;

use super::pair::Pair;

/// The certificates for one name: one with an RSA key, one with another, or both.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates {
    modern: Option<Arc<CertifiedKey>>,
    rsa: Option<Arc<CertifiedKey>>,
}

impl Candidates {
    /// Adds a pair; the first of each kind stays.
    pub(super) fn add(&mut self, pair: &Pair) {
        let place = if pair.is_rsa() { &mut self.rsa } else { &mut self.modern };
        place.get_or_insert_with(|| Arc::clone(&pair.key));
    }

    /// The best one that a client can verify.
    pub(super) fn choose(&self, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        let mut all = self.modern.iter().chain(&self.rsa);
        all.find(fits).or(self.modern.as_ref()).or(self.rsa.as_ref()).cloned()
    }

    /// Whether these are the very same certificates.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same =
            |one: &Option<Arc<CertifiedKey>>, other: &Option<Arc<CertifiedKey>>| match (one, other)
            {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                (None, None) => true,
                _ => false,
            };
        same(&self.modern, &other.modern) && same(&self.rsa, &other.rsa)
    }
}

/// Certificates by name. Immutable: a change makes the next table.
#[derive(Debug, Default)]
pub(super) struct Table {
    exact: HashMap<Box<str>, Candidates, foldhash::fast::RandomState>,
    /// By what follows the `*.`
    below: HashMap<Box<str>, Candidates, foldhash::fast::RandomState>,
    /// Those of the first pair.
    first: Candidates,
}

impl Table {
    /// The table for these pairs.
    pub(super) fn new<'p>(pairs: impl Iterator<Item = &'p Pair> + Clone) -> Self {
        let mut table = Self::default();
        for pair in pairs.clone() {
            for name in &pair.names {
                let (map, key) = match name.strip_prefix("*.") {
                    Some(suffix) => (&mut table.below, suffix),
                    None => (&mut table.exact, name.as_str()),
                };
                map.entry(key.into()).or_default().add(pair);
            }
        }
        if let Some(first) = pairs.clone().next() {
            table.first.add(first);
            // Its sibling with another kind of key stands beside it.
            let sibling = pairs
                .skip(1)
                .find(|pair| pair.is_rsa() != first.is_rsa() && pair.names == first.names);
            sibling.into_iter().for_each(|pair| table.first.add(pair));
        }
        table
    }

    /// The certificates for a name in lower case. A wildcard stands for one label.
    pub(super) fn find(&self, name: &str) -> Option<&Candidates> {
        self.exact.get(name).or_else(|| self.below.get(name.split_once('.')?.1))
    }

    /// Those for clients that ask for nothing, or for a name that nobody has.
    pub(super) fn first(&self) -> &Candidates {
        &self.first
    }
}
