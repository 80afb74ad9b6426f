//! What both ends share: readiness, discarding reads, and the few facts a head is asked for.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use memchr::memmem;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};

/// Sockets that are watched edge-triggered for both directions, each under a number.
pub struct Watch {
    epoll: OwnedFd,
}

impl Watch {
    /// An empty watch.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)? })
    }

    /// Reports `socket` as `number` whenever it becomes readable, writable or half closed.
    pub fn add(&self, socket: impl AsFd, number: usize) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(number as u64), flags)?)
    }

    /// Waits at most `wait_ms` (for ever when `None`) and puts the numbers into `ready`.
    pub fn wait(&self, ready: &mut Vec<usize>, wait_ms: Option<u32>) -> io::Result<()> {
        let mut events =
            [epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; EVENTS_MAX];
        let timeout = wait_ms.map(|ms| rustix::event::Timespec {
            tv_sec: i64::from(ms / 1000),
            tv_nsec: i64::from(ms % 1000) * 1_000_000,
        });
        ready.clear();
        let count = match epoll::wait(&self.epoll, &mut events[..], timeout.as_ref()) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(cause) => return Err(cause.into()),
        };
        ready.extend(events.iter().take(count).map(|event| event.data.u64() as usize));
        Ok(())
    }
}

const EVENTS_MAX: usize = 256;

/// Connects from `source` (port chosen by the system) and makes the socket non-blocking.
/// On loopback a blocking connect is done when the call returns.
pub fn connect(source: SocketAddr, target: SocketAddr) -> io::Result<TcpStream> {
    let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    if source.ip() != target.ip() {
        rustix::net::bind(&socket, &source)?;
    }
    rustix::net::connect(&socket, &target)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Throws away up to `bytes_max` received bytes without copying them here. Zero is the end
/// of the stream.
pub fn discard(stream: &TcpStream, bytes_max: u64, scratch: &mut [u8]) -> io::Result<usize> {
    let length = scratch.len().min(usize::try_from(bytes_max).unwrap_or(usize::MAX));
    let (_, count) = rustix::net::recv(stream, &mut scratch[..length], RecvFlags::TRUNC)?;
    Ok(count)
}

/// Length of the head at the start of `bytes`, with its empty line, once it is complete.
pub fn head_length(bytes: &[u8]) -> Option<usize> {
    memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

/// The declared body length of a head, if it declares one.
pub fn content_length(head: &[u8]) -> Option<u64> {
    let value = field(head, b"content-length")?;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// The value of a field, its name given in lower case.
pub fn field<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let (found, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        found.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_asked_for_its_length_and_fields() {
        let bytes = b"GET / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 12\r\n\r\nbody";
        let length = head_length(bytes).unwrap();
        assert_eq!(length, bytes.len() - 4);
        assert_eq!(content_length(&bytes[..length]), Some(12));
        assert_eq!(field(&bytes[..length], b"host"), Some(&b"a"[..]));
        assert_eq!(field(&bytes[..length], b"via"), None);
        assert_eq!(head_length(&bytes[..20]), None);
    }
}
