//! Questions to the kernel about TCP sockets (`sock_diag(7)`): who listens, and what a peer has
//! not read yet. `/proc/net/tcp` tells the same, but takes ever longer the more there is of it.

use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const AF_NETLINK: i32 = 16;
const NETLINK_SOCK_DIAG: i32 = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
const ALL_STATES: u32 = u32::MAX;
const LISTEN: u32 = 1 << 10;

/// Bytes that the process at `local` has not read of what `peer` sent; `None` when there is no
/// such connection (any more).
#[must_use]
pub fn unread_bytes(local: SocketAddr, peer: SocketAddr) -> Option<u32> {
    let answers = ask(&request(local, peer, ALL_STATES, REQUEST), false);
    let payload = answers.first()?;
    // inet_diag_msg: four bytes, a socket id of 48, a timer of four, then the receive queue.
    Some(u32::from_ne_bytes(payload.get(56..60)?.try_into().ok()?))
}

/// Every TCP port that somebody listens on.
#[must_use]
pub fn listening_ports() -> Vec<u16> {
    let any = [SocketAddr::from(([0, 0, 0, 0], 0)), SocketAddr::from(([0u16; 8], 0))];
    let port = |payload: Vec<u8>| Some(u16::from_be_bytes(payload.get(4..6)?.try_into().ok()?));
    any.iter()
        .flat_map(|any| ask(&request(*any, *any, LISTEN, REQUEST | DUMP), true))
        .filter_map(port)
        .collect()
}

/// An `inet_diag_req_v2` with its netlink header.
fn request(local: SocketAddr, peer: SocketAddr, states: u32, flags: u16) -> Vec<u8> {
    let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
    let tcp = 6;
    let mut out = Vec::with_capacity(72);
    out.extend(72u32.to_ne_bytes());
    out.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend([0; 8]);
    out.extend([family, tcp, 0, 0]);
    out.extend(states.to_ne_bytes());
    out.extend(local.port().to_be_bytes());
    out.extend(peer.port().to_be_bytes());
    out.extend(octets(local.ip()));
    out.extend(octets(peer.ip()));
    out.extend([0; 4]);
    out.extend([0xff; 8]);
    out
}

fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => {
            let mut out = [0; 16];
            out[..4].copy_from_slice(&v4.octets());
            out
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The payloads of the answer: one, or all up to the end of a dump.
fn ask(request: &[u8], dump: bool) -> Vec<Vec<u8>> {
    let protocol = Some(Protocol::from(NETLINK_SOCK_DIAG));
    let socket = Socket::new(Domain::from(AF_NETLINK), Type::RAW, protocol).expect("sock_diag");
    socket.send(request).expect("ask the kernel");
    let mut out = Vec::new();
    loop {
        let mut buffer = vec![0; 64 * 1024];
        let count = std::io::Read::read(&mut &socket, &mut buffer).expect("hear the kernel");
        let (payloads, ended) = messages(&buffer[..count]);
        out.extend(payloads);
        if ended || !dump {
            return out;
        }
    }
}

/// Splits what came into payloads; whether the end or an error was among it.
fn messages(mut bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut out = Vec::new();
    while let Some(head) = bytes.get(..16) {
        let length = u32::from_ne_bytes(head[..4].try_into().expect("four")) as usize;
        let kind = u16::from_ne_bytes(head[4..6].try_into().expect("two"));
        if matches!(kind, NLMSG_DONE | NLMSG_ERROR) || length < 16 {
            return (out, true);
        }
        out.push(bytes.get(16..length).unwrap_or_default().to_vec());
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    (out, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn unread_bytes_are_counted_until_they_are_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let (ours, theirs) = (near.local_addr().unwrap(), near.peer_addr().unwrap());
        near.write_all(b"five!").unwrap();
        assert_eq!(unread_bytes(theirs, ours), Some(5));
        far.read_exact(&mut [0; 5]).unwrap();
        assert_eq!(unread_bytes(theirs, ours), Some(0));
        assert_eq!(unread_bytes(ours, ours), None);
    }

    #[test]
    fn listeners_of_both_families_are_seen() {
        for place in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(place).unwrap();
            let port = listener.local_addr().unwrap().port();
            assert!(listening_ports().contains(&port), "{place}");
            drop(listener);
            assert!(!listening_ports().contains(&port), "{place}");
        }
    }
}
