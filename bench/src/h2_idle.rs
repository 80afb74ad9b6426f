//! Connections of HTTP/2 in the clear that have had one answer and wait.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::load::source;
use crate::wire;

/// The preface, empty settings, and a GET of `/small` by the static table (RFC 7541 appendix A).
const BEGINNING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \x00\x00\x00\x04\x00\x00\x00\x00\x00\
    \x00\x00\x15\x01\x05\x00\x00\x00\x01\
    \x82\x86\x04\x06/small\x41\x09localhost";

/// The acknowledgement of their settings.
const ACKNOWLEDGED: &[u8] = b"\x00\x00\x00\x04\x01\x00\x00\x00\x00";

/// The frame that ends a stream.
const END_STREAM: u8 = 1;

/// Opens connections and waits for the answer on each.
pub fn open(target: SocketAddr, connections: usize) -> io::Result<Vec<TcpStream>> {
    let open = |number| {
        let mut stream = wire::connect(source(number), target)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(BEGINNING)?;
        stream.write_all(ACKNOWLEDGED)?;
        while !ends(&mut stream)? {}
        Ok(stream)
    };
    (0..connections).map(open).collect()
}

/// Reads one frame; tells whether it ends the answer.
fn ends(stream: &mut TcpStream) -> io::Result<bool> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let [a, b, c, kind, flags, ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    stream.read_exact(&mut payload)?;
    Ok(kind <= 1 && flags & END_STREAM != 0)
}
