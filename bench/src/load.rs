//! Load that `wrk` cannot make: uploads of any size, downloads thrown away unread, a new
//! connection for every request, and another object with every request. One thread, a fixed
//! number of exchanges at a time.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::picks::Picks;
use crate::tally::Tally;
use crate::wire::{self, Watch};

const SCRATCH_BYTES: usize = 256 * 1024;
/// What is read at once while the head is awaited; a small body comes with it.
const HEAD_BYTES: usize = 16 * 1024;

/// What is asked, of whom, and for how long.
pub struct Plan {
    /// The proxy.
    pub target: SocketAddr,
    /// What every request is for.
    pub asks: Asks,
    /// Whether every request has a connection of its own.
    pub close: bool,
    /// Exchanges at a time.
    pub connections: usize,
    /// No new request after this time.
    pub duration: Duration,
    /// No new request after this many.
    pub requests_max: u64,
}

/// What requests are for.
pub enum Asks {
    /// The same each time.
    Same {
        /// Request target.
        path: String,
        /// Length of the body; none makes it a GET.
        upload_bytes: u64,
    },
    /// One object after the other.
    Objects(Picks),
}

/// One request.
struct Ask {
    head: Rc<[u8]>,
    /// What the answer must measure, where that is known.
    body_bytes: Option<u64>,
}

impl Plan {
    fn head(&self, path: &str) -> Rc<[u8]> {
        let target = self.target;
        let close = if self.close { "Connection: close\r\n" } else { "" };
        let (method, length) = match self.upload_bytes() {
            0 => ("GET", String::new()),
            bytes => ("POST", format!("Content-Length: {bytes}\r\n")),
        };
        format!("{method} {path} HTTP/1.1\r\nHost: {target}\r\n{length}{close}\r\n")
            .into_bytes()
            .into()
    }

    fn upload_bytes(&self) -> u64 {
        match self.asks {
            Asks::Same { upload_bytes, .. } => upload_bytes,
            Asks::Objects(_) => 0,
        }
    }
}

/// Where the connections number `number` come from: several loopback addresses, so that
/// closed connections do not use up the ports of one.
pub fn source(number: usize) -> SocketAddr {
    let last = 2 + u8::try_from(number % 8).unwrap_or(0);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0)
}

/// Runs the plan to its end.
pub fn run(plan: Plan) -> io::Result<Tally> {
    let mut load = Load::new(plan)?;
    for number in 0..load.plan.connections {
        load.open(number)?;
    }
    let mut ready = Vec::new();
    while load.lanes.iter().any(Option::is_some) {
        if load.begun.elapsed() > load.plan.duration + GRACE {
            load.tally.errors += load.lanes.iter().flatten().count() as u64;
            break;
        }
        load.watch.wait(&mut ready, Some(1000))?;
        for number in ready.drain(..) {
            load.advance(number)?;
        }
    }
    load.tally.elapsed = load.begun.elapsed();
    Ok(load.tally)
}

/// How long exchanges that have begun may outlive the plan.
const GRACE: Duration = Duration::from_secs(30);

struct Load {
    plan: Plan,
    /// The head of requests that are all the same.
    same: Rc<[u8]>,
    scratch: Vec<u8>,
    watch: Watch,
    lanes: Vec<Option<Lane>>,
    begun: Instant,
    started: u64,
    opened: usize,
    tally: Tally,
}

impl Load {
    fn new(plan: Plan) -> io::Result<Self> {
        let lanes = (0..plan.connections).map(|_| None).collect();
        let same = match &plan.asks {
            Asks::Same { path, .. } => plan.head(path),
            Asks::Objects(_) => Rc::default(),
        };
        Ok(Self {
            plan,
            same,
            scratch: vec![b'u'; SCRATCH_BYTES],
            watch: Watch::new()?,
            lanes,
            begun: Instant::now(),
            started: 0,
            opened: 0,
            tally: Tally::default(),
        })
    }

    /// One more request, if it may start; counts it.
    fn start(&mut self) -> Option<Ask> {
        if self.started >= self.plan.requests_max || self.begun.elapsed() >= self.plan.duration {
            return None;
        }
        self.started += 1;
        let Asks::Objects(picks) = &mut self.plan.asks else {
            return Some(Ask { head: Rc::clone(&self.same), body_bytes: None });
        };
        let object = picks.next()?;
        let head = self.plan.head(&object.to_string());
        Some(Ask { head, body_bytes: Some(object.bytes()) })
    }

    fn open(&mut self, number: usize) -> io::Result<()> {
        self.lanes[number] = None;
        let Some(ask) = self.start() else { return Ok(()) };
        let began = Instant::now();
        let stream = wire::connect(source(self.opened), self.plan.target)?;
        self.opened += 1;
        stream.set_nonblocking(true)?;
        self.watch.add(&stream, number)?;
        // Its being writable is the first thing the watch reports.
        self.lanes[number] = Some(Lane { stream, began, ask, phase: Phase::Send(0) });
        Ok(())
    }

    /// Goes on until the lane's socket blocks or its turn to ask is over.
    fn advance(&mut self, number: usize) -> io::Result<()> {
        while let Some(lane) = &mut self.lanes[number] {
            let step = lane.step(&self.plan, &mut self.scratch);
            match step {
                // The answer to what went out at once wakes the lane: no use in looking now.
                Ok(None) if lane.has_just_asked() => return Ok(()),
                Ok(None) => {}
                Ok(Some(bytes)) => {
                    let latency = lane.began.elapsed();
                    self.tally.good(latency, bytes + self.plan.upload_bytes());
                    self.next(number)?;
                }
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => {
                    self.tally.errors += 1;
                    return self.open(number);
                }
            }
        }
        Ok(())
    }

    fn next(&mut self, number: usize) -> io::Result<()> {
        if self.plan.close {
            return self.open(number);
        }
        let ask = self.start();
        match (&mut self.lanes[number], ask) {
            (Some(lane), Some(ask)) => {
                (lane.began, lane.ask) = (Instant::now(), ask);
                lane.phase = Phase::Send(0);
            }
            (lane, _) => *lane = None,
        }
        Ok(())
    }
}

/// One exchange at a time on one connection at a time.
struct Lane {
    stream: TcpStream,
    began: Instant,
    ask: Ask,
    phase: Phase,
}

/// How far the exchange is.
enum Phase {
    /// This many bytes of head and body are sent.
    Send(u64),
    /// These bytes of the response head are here.
    Head(Vec<u8>),
    /// The body's length and what is missing of it.
    Body(u64, u64),
    /// The body, of this length, is here; the proxy closes first, so that the port is free.
    End(u64),
}

impl Lane {
    /// Whether a GET is out and nothing of its answer was looked for. Nothing came before it, so
    /// what comes now is news to the watch.
    fn has_just_asked(&self) -> bool {
        matches!(&self.phase, Phase::Head(received) if received.is_empty())
            && self.ask.head.starts_with(b"GET ")
    }

    /// One system call's worth of progress; the response's length when it is complete.
    fn step(&mut self, plan: &Plan, scratch: &mut [u8]) -> io::Result<Option<u64>> {
        match &mut self.phase {
            Phase::Send(sent) => {
                let (head, upload_bytes) = (&self.ask.head, plan.upload_bytes());
                *sent += send(&mut self.stream, *sent, head, scratch, upload_bytes)?;
                if *sent == head.len() as u64 + upload_bytes {
                    self.phase = Phase::Head(Vec::new());
                }
                return Ok(None);
            }
            Phase::Head(received) => {
                let count = some(self.stream.read(&mut scratch[..HEAD_BYTES])?)?;
                received.extend_from_slice(&scratch[..count]);
                let Some(length) = wire::head_length(received) else { return Ok(None) };
                let (whole, here) = expected(received, length, self.ask.body_bytes)?;
                self.phase = Phase::Body(whole, whole - here);
            }
            Phase::Body(_, left) => {
                *left -= some(wire::discard(&self.stream, *left, scratch)?)? as u64;
            }
            Phase::End(whole) => {
                let surplus = wire::discard(&self.stream, 1, scratch)?;
                let end = Err(ErrorKind::InvalidData.into());
                return if surplus == 0 { Ok(Some(*whole)) } else { end };
            }
        }
        match self.phase {
            Phase::Body(whole, 0) if plan.close => self.phase = Phase::End(whole),
            Phase::Body(whole, 0) => return Ok(Some(whole)),
            Phase::Body(..) | Phase::Send(_) | Phase::Head(_) | Phase::End(_) => {}
        }
        Ok(None)
    }
}

/// Writes what comes after `sent` bytes; `filling` stands for the body wherever it is.
fn send(out: &mut TcpStream, sent: u64, head: &[u8], filling: &[u8], body: u64) -> io::Result<u64> {
    let head_sent = usize::try_from(sent).map_or(head.len(), |sent| sent.min(head.len()));
    let body_sent = sent - head_sent as u64;
    let filling = &filling[..fit(body - body_sent, filling)];
    let count = out.write_vectored(&[IoSlice::new(&head[head_sent..]), IoSlice::new(filling)])?;
    Ok(some(count)? as u64)
}

/// The length of a good response's body and how much of it came with the head.
fn expected(
    received: &[u8],
    head_length: usize,
    body_bytes: Option<u64>,
) -> io::Result<(u64, u64)> {
    let head = &received[..head_length];
    let here = (received.len() - head_length) as u64;
    let good = head.starts_with(b"HTTP/1.1 200 ");
    match wire::content_length(head) {
        Some(whole) if good && here <= whole && body_bytes.is_none_or(|known| known == whole) => {
            Ok((whole, here))
        }
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

fn fit(bytes: u64, filling: &[u8]) -> usize {
    filling.len().min(usize::try_from(bytes).unwrap_or(usize::MAX))
}

fn some(count: usize) -> io::Result<usize> {
    if count == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(count) }
}
