//! Connections that made one request each and then say nothing: what they cost is memory.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::load::source;
use crate::wire;

/// Opens `connections` to the target, with one small exchange on each, and returns them open.
pub fn open(target: SocketAddr, connections: usize) -> io::Result<Vec<TcpStream>> {
    let request = format!("GET /small HTTP/1.1\r\nHost: {target}\r\n\r\n");
    (0..connections).map(|number| one(number, target, request.as_bytes())).collect()
}

fn one(number: usize, target: SocketAddr, request: &[u8]) -> io::Result<TcpStream> {
    let mut stream = wire::connect(source(number), target)?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
    stream.write_all(request)?;
    let mut received = Vec::with_capacity(1024);
    let mut scratch = [0; 1024];
    loop {
        let count = stream.read(&mut scratch)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        received.extend_from_slice(&scratch[..count]);
        let Some(length) = wire::head_length(&received) else { continue };
        let body = wire::content_length(&received[..length]).unwrap_or(0);
        if received.len() as u64 >= length as u64 + body {
            return Ok(stream);
        }
    }
}
