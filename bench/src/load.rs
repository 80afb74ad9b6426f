//! Load that `wrk` cannot make: uploads of any size, downloads thrown away unread, and a new
//! connection for every request. One thread, a fixed number of exchanges at a time.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::tally::Tally;
use crate::wire::{self, Watch};

const SCRATCH_BYTES: usize = 256 * 1024;

/// What is asked, of whom, and for how long.
pub struct Plan {
    /// The proxy.
    pub target: SocketAddr,
    /// Request target of every request.
    pub path: String,
    /// Body of every request; none makes it a GET.
    pub upload_bytes: u64,
    /// Whether every request has a connection of its own.
    pub close: bool,
    /// Exchanges at a time.
    pub connections: usize,
    /// No new request after this time.
    pub duration: Duration,
    /// No new request after this many.
    pub requests_max: u64,
}

impl Plan {
    fn head(&self) -> Vec<u8> {
        let Self { path, target, upload_bytes, .. } = self;
        let close = if self.close { "Connection: close\r\n" } else { "" };
        let (method, length) = match upload_bytes {
            0 => ("GET", String::new()),
            bytes => ("POST", format!("Content-Length: {bytes}\r\n")),
        };
        format!("{method} {path} HTTP/1.1\r\nHost: {target}\r\n{length}{close}\r\n").into_bytes()
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
    head: Vec<u8>,
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
        Ok(Self {
            head: plan.head(),
            plan,
            scratch: vec![b'u'; SCRATCH_BYTES],
            watch: Watch::new()?,
            lanes,
            begun: Instant::now(),
            started: 0,
            opened: 0,
            tally: Tally::default(),
        })
    }

    /// Whether one more request may start; counts it if so.
    fn start(&mut self) -> bool {
        let goes =
            self.started < self.plan.requests_max && self.begun.elapsed() < self.plan.duration;
        self.started += u64::from(goes);
        goes
    }

    fn open(&mut self, number: usize) -> io::Result<()> {
        self.lanes[number] = None;
        if !self.start() {
            return Ok(());
        }
        let began = Instant::now();
        let stream = wire::connect(source(self.opened), self.plan.target)?;
        self.opened += 1;
        stream.set_nonblocking(true)?;
        self.watch.add(&stream, number)?;
        // Its being writable is the first thing the watch reports.
        self.lanes[number] = Some(Lane { stream, began, phase: Phase::Send(0) });
        Ok(())
    }

    /// Goes on until the lane's socket blocks or its turn to ask is over.
    fn advance(&mut self, number: usize) -> io::Result<()> {
        while let Some(lane) = &mut self.lanes[number] {
            let step = lane.step(&self.head, &self.plan, &mut self.scratch);
            match step {
                Ok(None) => {}
                Ok(Some(bytes)) => {
                    let latency = lane.began.elapsed();
                    self.tally.good(latency, bytes + self.plan.upload_bytes);
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
        let goes_on = self.start();
        match &mut self.lanes[number] {
            Some(lane) if goes_on => {
                lane.began = Instant::now();
                lane.phase = Phase::Send(0);
            }
            lane => *lane = None,
        }
        Ok(())
    }
}

/// One exchange at a time on one connection at a time.
struct Lane {
    stream: TcpStream,
    began: Instant,
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
    /// One system call's worth of progress; the response's length when it is complete.
    fn step(&mut self, head: &[u8], plan: &Plan, scratch: &mut [u8]) -> io::Result<Option<u64>> {
        match &mut self.phase {
            Phase::Send(sent) => {
                *sent += send(&mut self.stream, *sent, head, scratch, plan.upload_bytes)?;
                if *sent == head.len() as u64 + plan.upload_bytes {
                    self.phase = Phase::Head(Vec::new());
                }
                return Ok(None);
            }
            Phase::Head(received) => {
                let count = some(self.stream.read(&mut scratch[..4096])?)?;
                received.extend_from_slice(&scratch[..count]);
                let Some(length) = wire::head_length(received) else { return Ok(None) };
                let (whole, here) = expected(received, length)?;
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
fn expected(received: &[u8], head_length: usize) -> io::Result<(u64, u64)> {
    let head = &received[..head_length];
    let here = (received.len() - head_length) as u64;
    let good = head.starts_with(b"HTTP/1.1 200 ");
    match wire::content_length(head) {
        Some(whole) if good && here <= whole => Ok((whole, here)),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

fn fit(bytes: u64, filling: &[u8]) -> usize {
    filling.len().min(usize::try_from(bytes).unwrap_or(usize::MAX))
}

fn some(count: usize) -> io::Result<usize> {
    if count == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(count) }
}
