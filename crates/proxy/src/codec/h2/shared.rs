//! What the tasks of one HTTP/2 connection share: its account, its outflow, its end.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::task::{Context, Poll, Waker};

use h2::Reason;

use super::budget::{self, Budget};
use super::frames::{Frame, kind};
use super::outflow::Outflow;
use super::priority::Priority;
use super::rules::Rules;
use crate::io::clock;

/// How much more of what brings no request nearer is borne from a server.
const SERVER_CREDIT: u32 = 50;

/// The state of one connection. It lives on one worker.
#[derive(Debug)]
pub struct Shared {
    budget: RefCell<Budget>,
    outflow: RefCell<Outflow>,
    /// What a client is held to; a server is left to the crate.
    rules: Option<RefCell<Rules>>,
    /// The code of the rule that the peer broke.
    breach: Cell<Option<Reason>>,
    /// A header block has begun and not ended.
    in_headers: Cell<bool>,
    /// Part of a frame has come, and the rest has not.
    in_frame: Cell<bool>,
    /// The peer's settings have come.
    greeted: Cell<bool>,
    drains: Cell<bool>,
    ended: Cell<bool>,
    heard: Cell<u64>,
    /// The highest stream that the peer has opened.
    highest: Cell<u32>,
    /// Streams that the peer has opened.
    opened: Cell<u64>,
    /// Streams that have become a request.
    arrived: Cell<u64>,
    /// Streams charged for because they never became one.
    refused: Cell<u64>,
    /// The task that drives the connection.
    driver: RefCell<Option<Waker>>,
}

impl Shared {
    /// The state of a new connection of a client.
    #[must_use]
    pub fn new(settings: &config::Http2) -> Self {
        let now = clock::now();
        let held = usize::try_from(settings.send_bytes_max).unwrap_or(usize::MAX);
        Self {
            budget: RefCell::new(Budget::new(settings.abuse_budget, settings.abuse_refill, now)),
            outflow: RefCell::new(Outflow::new(held)),
            rules: Some(RefCell::default()),
            breach: Cell::new(None),
            in_headers: Cell::new(false),
            in_frame: Cell::new(false),
            greeted: Cell::new(false),
            drains: Cell::new(false),
            ended: Cell::new(false),
            heard: Cell::new(0),
            highest: Cell::new(0),
            opened: Cell::new(0),
            arrived: Cell::new(0),
            refused: Cell::new(0),
            driver: RefCell::new(None),
        }
    }

    /// The state of a new connection to a server, which may do more than a client.
    #[must_use]
    pub fn towards_server(settings: &config::Http2) -> Self {
        let trusting = config::Http2 {
            abuse_budget: settings.abuse_budget.saturating_mul(SERVER_CREDIT),
            abuse_refill: settings.abuse_refill.saturating_mul(SERVER_CREDIT),
            ..settings.clone()
        };
        Self { rules: None, ..Self::new(&trusting) }
    }

    /// Asks the connection to finish what runs and take no more.
    pub fn drain(&self) {
        if !self.drains.replace(true)
            && let Some(driver) = self.driver.take()
        {
            driver.wake();
        }
    }

    /// Whether no further stream is to be opened.
    pub fn is_draining(&self) -> bool {
        self.drains.get()
    }

    pub(super) fn remember_driver(&self, waker: &Waker) {
        let mut driver = self.driver.borrow_mut();
        if driver.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            *driver = Some(waker.clone());
        }
    }

    /// Whether the client has used up its account.
    pub fn is_spent(&self) -> bool {
        self.budget.borrow().is_spent()
    }

    /// The code that the connection ends with because of a rule that the peer broke.
    pub(super) fn breach(&self) -> Option<Reason> {
        self.breach.get()
    }

    /// Whether a header block, or any frame but content, waits for its end.
    pub(super) fn is_in_head(&self) -> bool {
        self.in_headers.get() || self.in_frame.get()
    }

    /// Says whether part of a frame has come, and the rest has not.
    pub(super) fn set_in_frame(&self, is_in_frame: bool) {
        self.in_frame.set(is_in_frame);
    }

    /// Whether the peer's settings have come.
    pub fn is_greeted(&self) -> bool {
        self.greeted.get()
    }

    /// Sees a frame of the peer's; breaks off at one that breaks a rule.
    pub(super) fn received(&self, frame: Frame, shown: &[u8]) -> ControlFlow<()> {
        self.heard.set(self.heard.get() + 1);
        self.budget.borrow_mut().received(frame, clock::coarse());
        let checked = self.rules.as_ref().map(|rules| rules.borrow_mut().check(frame, shown));
        if let Some(Err(reason)) = checked {
            self.breach.set(Some(reason));
            return ControlFlow::Break(());
        }
        match frame.kind {
            kind::HEADERS | kind::CONTINUATION => {
                self.in_headers.set(!frame.ends_headers());
                self.note_opened(frame.stream);
            }
            kind::SETTINGS => self.greeted.set(true),
            kind::GOAWAY => self.drains.set(true),
            kind::WINDOW_UPDATE if frame.stream == 0 => {
                let bytes = number(shown) & 0x7fff_ffff;
                self.outflow.borrow_mut().widen(bytes);
            }
            kind::RST_STREAM => self.outflow.borrow_mut().forget(frame.stream),
            kind::PRIORITY_UPDATE => {
                let (stream, field) = shown.split_at_checked(4).unwrap_or_default();
                let priority = Priority::read(field);
                self.outflow.borrow_mut().announce(number(stream), priority);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// Sees a frame of ours that the socket has taken.
    pub(super) fn sent(&self, frame: Frame, shown: &[u8]) {
        if let Some(rules) = &self.rules
            && frame.ends_stream()
        {
            rules.borrow_mut().answered(frame.stream);
        }
        match frame.kind {
            kind::DATA => self.outflow.borrow_mut().wrote(frame.stream, frame.length as usize),
            kind::RST_STREAM => self.outflow.borrow_mut().forget(frame.stream),
            _ => return,
        }
        self.budget.borrow_mut().sent(frame, number(shown), clock::coarse());
    }

    fn note_opened(&self, stream: u32) {
        if stream > self.highest.get() {
            self.highest.set(stream);
            self.opened.set(self.opened.get() + 1);
        }
    }

    /// A stream has become a request.
    pub(super) fn arrived(&self) {
        self.arrived.set(self.arrived.get() + 1);
    }

    /// Charges for streams that became no request, once all that was read has been handled.
    pub(super) fn charge_refused(&self) {
        // What waits behind a blocked write is charged for once and stays paid.
        let refused = self.opened.get().saturating_sub(self.arrived.get());
        let more = refused.saturating_sub(self.refused.get());
        if more > 0 && !self.is_in_head() {
            self.refused.set(refused);
            let points = u32::try_from(more).unwrap_or(u32::MAX);
            let points = points.saturating_mul(budget::REFUSED_REQUEST);
            self.budget.borrow_mut().charge(points, clock::coarse());
        }
    }

    /// A stream whose response the client does not take.
    pub(super) fn stalled(&self) {
        self.budget.borrow_mut().charge(budget::STALLED_STREAM, clock::coarse());
    }

    /// A request was answered.
    pub(super) fn answered(&self) {
        self.budget.borrow_mut().earn(budget::EARNED_PER_ANSWER);
    }

    /// Notes how important a stream is by the `Priority` field of its request, if it has one.
    pub(super) fn prioritize(&self, stream: u32, field: Option<&[u8]>) {
        self.outflow.borrow_mut().prioritize(stream, field.map(Priority::read));
    }

    /// Lets a stream share the connection with its equals.
    pub(super) fn take_turns(&self, stream: u32) {
        let priority = Priority { incremental: true, ..Priority::default() };
        self.outflow.borrow_mut().prioritize(stream, Some(priority));
    }

    /// Frames that the peer has sent so far.
    pub fn heard(&self) -> u64 {
        self.heard.get()
    }

    /// Ready with the bytes that a stream may hand over now; `None` when the connection has ended.
    pub(super) fn poll_turn(
        &self,
        cx: &Context<'_>,
        stream: u32,
        wanted: usize,
    ) -> Poll<Option<usize>> {
        if self.ended.get() {
            return Poll::Ready(None);
        }
        self.outflow.borrow_mut().poll_turn(cx, stream, wanted).map(Some)
    }

    /// A stream has handed over bytes.
    pub(super) fn handed(&self, stream: u32, bytes: usize) {
        self.outflow.borrow_mut().handed(stream, bytes);
    }

    /// A stream cannot take its turn.
    pub(super) fn leave_turn(&self, stream: u32) {
        self.outflow.borrow_mut().leave_turn(stream);
    }

    /// A stream has no more to send.
    pub(super) fn leave(&self, stream: u32) {
        self.outflow.borrow_mut().leave(stream);
    }

    /// Bytes written on the connection so far.
    pub(super) fn written(&self) -> u64 {
        self.outflow.borrow().written()
    }

    /// The connection is gone: nobody has to wait for it any more.
    pub fn end(&self) {
        self.ended.set(true);
        self.outflow.borrow_mut().wake_all();
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}
