//! An origin server that spends as little as it can: one thread, prepared replies, uploads
//! thrown away in the kernel. It trusts its clients, which are proxies under test.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;

use slab::Slab;

use crate::clock::Clock;
use crate::object::Object;
use crate::wire::{self, Watch};

/// The number under which the listener is watched.
const LISTENER: usize = usize::MAX;
const SCRATCH_BYTES: usize = 256 * 1024;

/// The server: a listener, its connections and the replies it knows.
pub struct Origin {
    listener: TcpListener,
    watch: Watch,
    conversations: Slab<Conversation>,
    replies: Replies,
    scratch: Vec<u8>,
}

impl Origin {
    /// Serves on a bound listener.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let watch = Watch::new()?;
        watch.add(&listener, LISTENER)?;
        let scratch = vec![b'w'; SCRATCH_BYTES];
        Ok(Self { listener, watch, conversations: Slab::new(), replies: Replies::new(), scratch })
    }

    /// Serves until the process ends or its epoll fails.
    pub fn serve(mut self) -> io::Result<()> {
        let mut ready = Vec::new();
        loop {
            self.watch.wait(&mut ready, None)?;
            for number in ready.drain(..) {
                if number == LISTENER { self.accept()? } else { self.advance(number) }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    let entry = self.conversations.vacant_entry();
                    self.watch.add(&stream, entry.key())?;
                    entry.insert(Conversation::new(stream));
                }
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(cause) if cause.kind() == ErrorKind::ConnectionAborted => {}
                Err(cause) => return Err(cause),
            }
        }
    }

    fn advance(&mut self, number: usize) {
        let Some(conversation) = self.conversations.get_mut(number) else { return };
        match conversation.advance(&mut self.replies, &mut self.scratch) {
            Ok(()) => {}
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => {}
            Err(_) => drop(self.conversations.remove(number)),
        }
    }
}

/// One connection of a proxy: what came and is not understood yet, what is still to go.
struct Conversation {
    stream: TcpStream,
    received: Vec<u8>,
    upload_bytes_left: u64,
    reply: Option<Reply>,
}

impl Conversation {
    fn new(stream: TcpStream) -> Self {
        Self { stream, received: Vec::new(), upload_bytes_left: 0, reply: None }
    }

    /// Goes on until the socket blocks (`WouldBlock`, or `Ok` when a short read says so) or
    /// the connection is over (any other error).
    fn advance(&mut self, replies: &mut Replies, scratch: &mut [u8]) -> io::Result<()> {
        let mut drained = false;
        loop {
            while self.upload_bytes_left > 0 {
                let count = wire::discard(&self.stream, self.upload_bytes_left, scratch)?;
                self.upload_bytes_left -= some(count)? as u64;
            }
            if let Some(reply) = &mut self.reply {
                reply.send(&mut self.stream)?;
                self.reply = None;
            }
            if self.take_request(replies) {
                continue;
            }
            if drained {
                return Ok(());
            }
            let count = some(self.stream.read(scratch)?)?;
            drained = count < scratch.len();
            self.received.extend_from_slice(&scratch[..count]);
        }
    }

    /// Moves one request out of what was received; its reply waits for its body.
    fn take_request(&mut self, replies: &mut Replies) -> bool {
        let Some(length) = wire::head_length(&self.received) else { return false };
        let head = &self.received[..length];
        self.reply = Some(replies.to(head));
        let body =
            if head.starts_with(b"GET ") { 0 } else { wire::content_length(head).unwrap_or(0) };
        let here = (self.received.len() - length).min(usize::try_from(body).unwrap_or(usize::MAX));
        self.upload_bytes_left = body - here as u64;
        self.received.drain(..length + here);
        true
    }
}

/// Zero bytes are the end of a connection, also where more was promised.
fn some(count: usize) -> io::Result<usize> {
    if count == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(count) }
}

/// A reply on its way: prepared bytes, then filling.
struct Reply {
    bytes: Rc<[u8]>,
    sent: usize,
    filling: Rc<[u8]>,
    filling_bytes_left: u64,
}

impl Reply {
    /// Head and filling go together, so that a proxy need not read twice.
    fn send(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        while self.sent < self.bytes.len() || self.filling_bytes_left > 0 {
            let left = usize::try_from(self.filling_bytes_left).unwrap_or(usize::MAX);
            let head = &self.bytes[self.sent..];
            let filling = &self.filling[..self.filling.len().min(left)];
            let count = some(stream.write_vectored(&[IoSlice::new(head), IoSlice::new(filling)])?)?;
            let of_head = count.min(head.len());
            self.sent += of_head;
            self.filling_bytes_left -= (count - of_head) as u64;
        }
        Ok(())
    }
}

/// Every reply the origin can give.
struct Replies {
    fixed: Vec<(&'static str, Rc<[u8]>)>,
    unknown: Rc<[u8]>,
    filling: Rc<[u8]>,
    clock: Clock,
    /// Objects that were asked for, and those of them that had not changed.
    asked: u64,
    validated: u64,
}

impl Replies {
    fn new() -> Self {
        let fixed = [("/small", 128), ("/16k", 16 << 10), ("/1m", 1 << 20), ("/upload", 2)];
        let fixed = fixed.map(|(path, bytes)| (path, whole("200 OK", bytes)));
        let filling = vec![b'w'; SCRATCH_BYTES].into();
        let (clock, unknown) = (Clock::default(), whole("404 Not Found", 2));
        Self { fixed: fixed.to_vec(), unknown, filling, clock, asked: 0, validated: 0 }
    }

    /// The reply to a request head, by path: of any length with `/stream?bytes=N`, an object
    /// (see `object`), or with `/counts` how many of these there were.
    fn to(&mut self, head: &[u8]) -> Reply {
        let target = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let target = std::str::from_utf8(target).unwrap_or_default();
        if let Some(object) = Object::named(target) {
            return self.object(object, head);
        }
        let streamed = target.strip_prefix("/stream?bytes=").and_then(|n| n.parse::<u64>().ok());
        let known = self.fixed.iter().find(|(path, _)| *path == target);
        let bytes = match (streamed, known) {
            (Some(bytes), _) => reply_head("200 OK", bytes).into_bytes().into(),
            (None, Some((_, bytes))) => Rc::clone(bytes),
            (None, None) if target == "/counts" => self.counts(),
            (None, None) => Rc::clone(&self.unknown),
        };
        self.reply(bytes, streamed.unwrap_or(0))
    }

    fn object(&mut self, object: Object, head: &[u8]) -> Reply {
        self.asked += 1;
        let (date, tag, fresh_s) = (self.clock.now(), object.tag(), object.fresh_s());
        let fields = format!("Date: {date}\r\nETag: {tag}\r\nCache-Control: max-age={fresh_s}\r\n");
        if wire::field(head, b"if-none-match") == Some(tag.as_bytes()) {
            self.validated += 1;
            let head = format!("HTTP/1.1 304 Not Modified\r\nServer: origin\r\n{fields}\r\n");
            return self.reply(head.into_bytes().into(), 0);
        }
        let bytes = object.bytes();
        let head = format!(
            "HTTP/1.1 200 OK\r\nServer: origin\r\n{fields}Content-Type: text/plain\r\n\
             Content-Length: {bytes}\r\n\r\n"
        );
        self.reply(head.into_bytes().into(), bytes)
    }

    fn counts(&self) -> Rc<[u8]> {
        let body = format!("asked={} validated={}", self.asked, self.validated);
        (reply_head("200 OK", body.len() as u64) + &body).into_bytes().into()
    }

    fn reply(&self, bytes: Rc<[u8]>, filling_bytes_left: u64) -> Reply {
        Reply { bytes, sent: 0, filling: Rc::clone(&self.filling), filling_bytes_left }
    }
}

fn whole(status: &str, body_bytes: usize) -> Rc<[u8]> {
    let mut bytes = reply_head(status, body_bytes as u64).into_bytes();
    bytes.resize(bytes.len() + body_bytes, b'w');
    bytes.into()
}

fn reply_head(status: &str, body_bytes: u64) -> String {
    format!(
        "HTTP/1.1 {status}\r\nServer: origin\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
         Content-Type: text/plain\r\nContent-Length: {body_bytes}\r\n\r\n"
    )
}
