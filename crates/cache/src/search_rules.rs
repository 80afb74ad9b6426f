//! The rules of `No-Vary-Search` that responses of a store have last had, by path. Where none
//! has used the field, asking costs one load.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::no_vary_search::SearchRule;

/// Of the bytes for all rules, one may take one part in this many.
const RULE_PART: usize = 16;

/// What an entry costs beside its bytes.
const OVERHEAD_BYTES: usize = 128;

/// A rule in force for a path.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// The rule.
    pub rule: SearchRule,
    /// Tells apart what is kept under this rule from what was kept under others before, also
    /// under the same one if it was forgotten meanwhile: that may have missed a purge.
    pub number: u64,
}

/// The rules of a store. The oldest ones make room for others.
#[derive(Debug)]
pub struct SearchRules {
    bytes_max: usize,
    is_used: AtomicBool,
    known: RwLock<Table>,
}

#[derive(Debug)]
struct Table {
    rules: HashMap<Arc<[u8]>, Arc<Known>, foldhash::quality::RandomState>,
    order: VecDeque<Arc<[u8]>>,
    bytes: usize,
    next: u64,
}

/// What became of a rule that a response has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// It is in force.
    Known(Arc<Known>),
    /// It is too large to be remembered, or none is to be.
    TooLarge,
}

impl SearchRules {
    /// No rules, and room for this many bytes of them.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        let random = foldhash::quality::RandomState::default();
        // What outlives this process on disk must not meet a number again.
        let next = random.hash_one(bytes_max);
        let rules = HashMap::with_hasher(random);
        let table = Table { rules, order: VecDeque::new(), bytes: 0, next };
        Self { bytes_max, is_used: AtomicBool::new(false), known: RwLock::new(table) }
    }

    /// Bytes that the rules may take.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Whether no response has ever had one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.is_used.load(Ordering::Relaxed)
    }

    /// The rule of a path.
    #[must_use]
    pub fn of(&self, path: &[u8]) -> Option<Arc<Known>> {
        if self.is_empty() {
            return None;
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.rules.get(path).cloned()
    }

    /// Takes the rule of a response for its path in force. Returns how many others made room.
    pub fn learn(&self, path: &[u8], rule: SearchRule) -> (Learned, usize) {
        if let Some(known) = self.of(path).filter(|known| known.rule == rule) {
            return (Learned::Known(known), 0);
        }
        let weight = weight(path, &rule);
        if weight > self.bytes_max / RULE_PART {
            return (Learned::TooLarge, 0);
        }
        let mut table = self.known.write().unwrap_or_else(PoisonError::into_inner);
        table.forget(path);
        table.next = table.next.wrapping_add(1);
        let known = Arc::new(Known { rule, number: table.next });
        let path: Arc<[u8]> = path.into();
        table.rules.insert(Arc::clone(&path), Arc::clone(&known));
        table.order.push_back(path);
        table.bytes += weight;
        let mut gone = 0;
        while table.bytes > self.bytes_max {
            let Some(oldest) = table.order.front().cloned() else { break };
            table.forget(&oldest);
            gone += 1;
        }
        self.is_used.store(true, Ordering::Relaxed);
        (Learned::Known(known), gone)
    }
}

impl Table {
    fn forget(&mut self, path: &[u8]) {
        let Some(known) = self.rules.remove(path) else { return };
        self.bytes = self.bytes.saturating_sub(weight(path, &known.rule));
        if self.order.front().is_some_and(|oldest| **oldest == *path) {
            self.order.pop_front();
        } else {
            self.order.retain(|other| **other != *path);
        }
    }
}

fn weight(path: &[u8], rule: &SearchRule) -> usize {
    path.len() + rule.weight_bytes() + OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use http1::Headers;

    use super::*;

    fn rule(value: &str) -> SearchRule {
        let mut headers = Headers::new();
        headers.push(b"No-Vary-Search", value.as_bytes());
        SearchRule::read(&headers)
    }

    fn number(rules: &SearchRules, path: &str, value: &str) -> u64 {
        match rules.learn(path.as_bytes(), rule(value)).0 {
            Learned::Known(known) => known.number,
            Learned::TooLarge => panic!("{value}"),
        }
    }

    #[test]
    fn each_change_of_a_rule_has_its_own_number() {
        let rules = SearchRules::new(1 << 20);
        assert!(rules.is_empty() && rules.of(b"/").is_none());
        let first = number(&rules, "/", "params");
        assert!(!rules.is_empty());
        assert_eq!(number(&rules, "/", "params"), first);
        let second = number(&rules, "/", "key-order");
        assert_ne!(second, first);
        let third = number(&rules, "/", "params");
        assert!(third != first && third != second, "what was kept before is out of sight");
        assert_ne!(number(&rules, "/other", "params"), third);
        assert_eq!(rules.of(b"/").unwrap().number, third);
        assert_eq!(rules.of(b"/").unwrap().rule, rule("params"));
    }

    #[test]
    fn many_paths_take_no_more_than_they_may() {
        let rules = SearchRules::new(20_000);
        let mut gone = 0;
        for path in 0..1000 {
            let path = format!("/{path}");
            gone += rules.learn(path.as_bytes(), rule("params")).1;
        }
        let table = rules.known.read().unwrap();
        assert!(table.bytes <= 20_000 && table.rules.len() == table.order.len());
        assert_eq!(gone, 1000 - table.rules.len());
        drop(table);
        assert!(rules.of(b"/0").is_none() && rules.of(b"/999").is_some());
        let long = format!("params=(\"{}\")", "x".repeat(2_000));
        assert_eq!(rules.learn(b"/long", rule(&long)).0, Learned::TooLarge);
        assert_eq!(SearchRules::new(0).learn(b"/", rule("params")).0, Learned::TooLarge);
    }

    #[test]
    fn a_path_that_changes_its_mind_takes_one_place() {
        let rules = SearchRules::new(20_000);
        for round in 0..1000 {
            let value = if round % 2 == 0 { "params" } else { "key-order" };
            number(&rules, "/a", value);
            number(&rules, "/b", value);
        }
        let table = rules.known.read().unwrap();
        assert_eq!((table.rules.len(), table.order.len()), (2, 2));
    }
}
