//! What is to be done on disk: for each key in order, and keys in the order in which they came.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use foldhash::quality::RandomState;
use http1::Headers;

use super::CalledOff;
use crate::date::Seconds;
use crate::disk::Hidden;
use crate::store::stored::Stored;

/// What a key and its place cost beside its bytes.
const STEP_BYTES: usize = 128;

/// One thing to be done.
#[derive(Debug)]
pub(super) enum Step {
    /// A response is written.
    Write(Arc<Stored>),
    /// The head of a response that is there is written anew.
    Head(Arc<Stored>),
    /// What is found no more is removed.
    Remove(Hidden),
    /// What is there is stale from this time on.
    Soften(Seconds),
    /// A note of a purge.
    Note(Vec<u8>),
}

impl Step {
    /// Bytes of memory that wait with it.
    pub(super) fn bytes(&self) -> usize {
        STEP_BYTES
            + match self {
                Self::Write(stored) => stored.weight_bytes(),
                Self::Head(stored) => stored.head_bytes(),
                Self::Remove(_) | Self::Soften(_) => 0,
                Self::Note(entry) => entry.len(),
            }
    }

    fn is_wanted_after_call_off(&self) -> bool {
        matches!(self, Self::Remove(_) | Self::Note(_))
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    steps: HashMap<Box<[u8]>, VecDeque<Step>, RandomState>,
    order: VecDeque<Box<[u8]>>,
    bytes: usize,
    /// What is being done, and how to call it off.
    running: Option<(Box<[u8]>, CalledOff)>,
    /// Long bodies that are being written by others, by key.
    sinks: HashMap<Box<[u8]>, Vec<Weak<AtomicBool>>, RandomState>,
    /// No more is taken.
    pub(super) is_closing: bool,
}

impl Queue {
    /// Bytes of memory that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_idle(&self) -> bool {
        self.order.is_empty() && self.running.is_none()
    }

    /// Whether something is to be done for a key.
    pub(super) fn has(&self, key: &[u8]) -> bool {
        self.steps.contains_key(key)
    }

    /// The newest response that waits to be written, or is being, and that a request selects.
    pub(super) fn find(&self, key: &[u8], request: &Headers) -> Option<Arc<Stored>> {
        self.steps.get(key)?.iter().rev().find_map(|step| match step {
            Step::Write(stored) | Step::Head(stored) if stored.selection.matches(request) => {
                Some(Arc::clone(stored))
            }
            _ => None,
        })
    }

    pub(super) fn add(&mut self, key: &[u8], step: Step) {
        self.bytes += step.bytes() + key.len();
        if let Some(steps) = self.steps.get_mut(key) {
            steps.push_back(step);
            return;
        }
        self.steps.insert(key.into(), VecDeque::from([step]));
        self.order.push_back(key.into());
    }

    /// What is to be written for a key, and what is being, is not to be found. Returns whether
    /// there was anything.
    pub(super) fn call_off(&mut self, key: &[u8]) -> bool {
        let mut had_any = false;
        if let Some((running, called_off)) = &self.running
            && **running == *key
        {
            called_off.store(true, Ordering::Release);
        }
        for sink in self.sinks.remove(key).into_iter().flatten().filter_map(|sink| sink.upgrade()) {
            sink.store(true, Ordering::Release);
        }
        if let Some(steps) = self.steps.get_mut(key) {
            let bytes = &mut self.bytes;
            steps.retain(|step| {
                let stays = step.is_wanted_after_call_off();
                if !stays {
                    *bytes -= step.bytes() + key.len();
                    had_any = true;
                }
                stays
            });
        }
        had_any
    }

    /// A long body is being written; `true` in what is returned calls it off.
    pub(super) fn add_sink(&mut self, key: &[u8]) -> CalledOff {
        let called_off = CalledOff::default();
        let sinks = self.sinks.entry(key.into()).or_default();
        sinks.retain(|sink| sink.strong_count() > 0);
        sinks.push(Arc::downgrade(&called_off));
        called_off
    }

    /// It is written, or is not to be.
    pub(super) fn remove_sink(&mut self, key: &[u8], called_off: &CalledOff) {
        if let Some(sinks) = self.sinks.get_mut(key) {
            sinks.retain(|sink| !std::ptr::eq(sink.as_ptr(), Arc::as_ptr(called_off)));
            if sinks.is_empty() {
                self.sinks.remove(key);
            }
        }
    }

    /// The key whose turn it is.
    pub(super) fn take_turn(&mut self) -> Option<(Box<[u8]>, CalledOff)> {
        let key = self.order.pop_front()?;
        let called_off = CalledOff::default();
        self.running = Some((key.clone(), Arc::clone(&called_off)));
        Some((key, called_off))
    }

    /// What is to be done next for a key. It stays visible until it is done.
    pub(super) fn next(&self, key: &[u8]) -> Option<Todo> {
        Some(match self.steps.get(key)?.front()? {
            Step::Write(stored) => Todo::Write(Arc::clone(stored)),
            Step::Head(stored) => Todo::Head(Arc::clone(stored)),
            Step::Remove(_) => Todo::Remove,
            Step::Soften(now) => Todo::Soften(*now),
            Step::Note(entry) => Todo::Note(entry.clone()),
        })
    }

    /// It is done, unless it was called off meanwhile.
    pub(super) fn done(&mut self, key: &[u8], todo: &Todo) -> Option<Step> {
        let steps = self.steps.get_mut(key)?;
        let is_it = match (steps.front()?, todo) {
            (Step::Write(one), Todo::Write(other)) | (Step::Head(one), Todo::Head(other)) => {
                Arc::ptr_eq(one, other)
            }
            (Step::Remove(_), Todo::Remove)
            | (Step::Soften(_), Todo::Soften(_))
            | (Step::Note(_), Todo::Note(_)) => true,
            _ => false,
        };
        let step = if is_it { steps.pop_front() } else { None };
        self.bytes -= step.as_ref().map_or(0, |step| step.bytes() + key.len());
        step
    }

    /// The turn of a key is over; it gets another one if something came meanwhile.
    pub(super) fn end_turn(&mut self, key: &[u8]) {
        self.running = None;
        match self.steps.get(key) {
            Some(steps) if steps.is_empty() => drop(self.steps.remove(key)),
            Some(_) => self.order.push_back(key.into()),
            None => {}
        }
    }
}

/// A step as the writer sees it.
#[derive(Debug)]
pub(super) enum Todo {
    Write(Arc<Stored>),
    Head(Arc<Stored>),
    Remove,
    Soften(Seconds),
    Note(Vec<u8>),
}
