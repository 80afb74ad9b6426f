//! What is to be done on disk: for each key in order, and keys in the order in which they came.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use foldhash::quality::RandomState;
use http1::Headers;

use super::{CalledOff, Sink};
use crate::date::Seconds;
use crate::store::purge::{Mode, Purges};
use crate::store::stored::Stored;

/// What a key and its place cost beside its bytes.
const STEP_BYTES: usize = 128;

/// Notes of purges that wait; more of them become one that says more.
const NOTES_MAX: usize = 4096;

/// One thing to be done.
#[derive(Debug)]
pub(super) enum Step {
    /// A response is written.
    Write(Arc<Stored>),
    /// A long body that is written becomes an object.
    Commit(Arc<Stored>, Box<Sink>),
    /// The head of a response that is there is written anew.
    Head(Arc<Stored>),
    /// What is there is removed. From now on it is not found.
    Forget,
    /// What is there is stale from this time on.
    Soften(Seconds),
}

impl Step {
    /// Bytes of memory that wait with it.
    pub(super) fn bytes(&self) -> usize {
        STEP_BYTES
            + match self {
                Self::Write(stored) => stored.weight_bytes(),
                Self::Commit(stored, _) | Self::Head(stored) => stored.head_bytes(),
                Self::Forget | Self::Soften(_) => 0,
            }
    }

    fn stored(&self) -> Option<&Arc<Stored>> {
        match self {
            Self::Write(stored) | Self::Commit(stored, _) | Self::Head(stored) => Some(stored),
            Self::Forget | Self::Soften(_) => None,
        }
    }
}

/// What the queue knows of a request.
#[derive(Debug)]
pub(super) enum Waiting {
    /// Nothing: the disk knows.
    Nothing,
    /// This is on its way to the disk.
    Stored(Arc<Stored>),
    /// What the disk has is to be removed.
    Gone,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    steps: HashMap<Box<[u8]>, VecDeque<Step>, RandomState>,
    order: VecDeque<Box<[u8]>>,
    bytes: usize,
    /// What is being done, and how to call it off.
    running: Option<Running>,
    /// Notes of purges for the log.
    notes: Vec<Vec<u8>>,
    /// No more is taken.
    pub(super) is_closing: bool,
}

#[derive(Debug)]
struct Running {
    key: Box<[u8]>,
    /// What a step that has been taken is about.
    stored: Option<Arc<Stored>>,
    called_off: CalledOff,
}

impl Queue {
    /// Bytes of memory that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_idle(&self) -> bool {
        self.order.is_empty() && self.running.is_none() && self.notes.is_empty()
    }

    /// Whether something is to be done for a key, or is being done.
    pub(super) fn has(&self, key: &[u8]) -> bool {
        self.steps.contains_key(key)
            || self.running.as_ref().is_some_and(|running| *running.key == *key)
    }

    /// The newest that is known of a request.
    pub(super) fn find(&self, key: &[u8], request: &Headers) -> Waiting {
        let is_it = |stored: &&Arc<Stored>| stored.selection.matches(request);
        for step in self.steps.get(key).into_iter().flatten().rev() {
            if matches!(step, Step::Forget) {
                return Waiting::Gone;
            }
            if let Some(stored) = step.stored().filter(is_it) {
                return Waiting::Stored(Arc::clone(stored));
            }
        }
        let Some(running) = self.running.as_ref().filter(|running| *running.key == *key) else {
            return Waiting::Nothing;
        };
        if running.called_off.load(Ordering::Acquire) {
            return Waiting::Gone;
        }
        match running.stored.as_ref().filter(is_it) {
            Some(stored) => Waiting::Stored(Arc::clone(stored)),
            None => Waiting::Nothing,
        }
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

    /// Whatever there is for a key, or is on its way, is found no more.
    pub(super) fn forget(&mut self, key: &[u8]) {
        if let Some(running) = self.running.as_ref().filter(|running| *running.key == *key) {
            running.called_off.store(true, Ordering::Release);
        }
        if let Some(steps) = self.steps.get_mut(key) {
            let freed: usize = steps.drain(..).map(|step| step.bytes() + key.len()).sum();
            self.bytes -= freed;
        }
        self.add(key, Step::Forget);
    }

    /// Keys that are to be removed and are not yet.
    pub(super) fn forgotten(&self) -> Vec<Box<[u8]>> {
        let is_forgotten = |steps: &VecDeque<Step>| steps.iter().any(|s| matches!(s, Step::Forget));
        let waiting = self.steps.iter().filter(|(_, steps)| is_forgotten(steps));
        let running = self.running.as_ref().map(|running| running.key.clone());
        waiting.map(|(key, _)| key.clone()).chain(running).collect()
    }

    /// A purge is to be logged. Of too many, one note stands for all: what was told apart beside
    /// URIs is gone, which says more than they do.
    pub(super) fn add_note(&mut self, entry: Vec<u8>, number: u64) {
        if self.notes.len() >= NOTES_MAX {
            self.notes.clear();
            self.notes.push(Purges::told_apart_entry(Mode::Hard, number));
        }
        self.notes.push(entry);
    }

    /// The notes that wait.
    pub(super) fn take_notes(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.notes)
    }

    /// The next thing to do, and how it is called off.
    pub(super) fn take_turn(&mut self) -> Option<(Box<[u8]>, Step, CalledOff)> {
        let key = self.order.pop_front()?;
        let steps = self.steps.get_mut(&key)?;
        let step = steps.pop_front()?;
        self.bytes -= step.bytes() + key.len();
        let called_off = CalledOff::default();
        let stored = step.stored().cloned();
        if steps.is_empty() {
            self.steps.remove(&key);
        } else {
            // Each key gets one turn after the other, so that none holds up the others.
            self.order.push_back(key.clone());
        }
        let running = Running { key: key.clone(), stored, called_off: Arc::clone(&called_off) };
        self.running = Some(running);
        Some((key, step, called_off))
    }

    pub(super) fn end_turn(&mut self) {
        self.running = None;
    }

    /// Takes no more. What is to be removed goes first: what is not written costs a request, what
    /// is not removed could be served.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
        let steps = &self.steps;
        let is_first = |key: &[u8]| {
            let mut of_key = steps.get(key).into_iter().flatten();
            of_key.any(|step| matches!(step, Step::Forget | Step::Soften(_)))
        };
        let (mut first, rest): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.order).into_iter().partition(|key| is_first(key));
        first.extend(rest);
        self.order = first;
    }
}
