//! A socket with a reading position: bytes out in any pieces, messages in, nothing guessed.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::message::{Broken, Framing, Head, Pair, Request, Response, parse_field, status_of};
use crate::seen::Tape;
use crate::sock::Sock;

/// One end of a connection.
#[derive(Debug)]
pub struct Wire {
    sock: Sock,
    unread: Vec<u8>,
    tape: Option<Tape>,
}

impl Wire {
    /// Takes over a connected socket. What is read goes onto `tape`, if there is one.
    #[must_use]
    pub fn new(sock: Sock, tape: Option<Tape>) -> Self {
        sock.bound(PATIENCE);
        Self { sock, unread: Vec::new(), tape }
    }

    /// The socket below, for options.
    #[must_use]
    pub fn sock(&self) -> &Sock {
        &self.sock
    }

    /// Sends all of it. A peer that is gone is no failure here: what can be read tells.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.try_send(bytes);
        self
    }

    /// Sends all of it; false when the peer is gone.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        match self.sock.write_all(bytes.as_ref()) {
            Ok(()) => true,
            Err(e) if is_gone(e.kind()) => false,
            Err(e) => panic!("send: {e}"),
        }
    }

    /// Sends in one write each, waiting before the next until the peer has read the last.
    pub fn send_pieces<T: AsRef<[u8]>>(&mut self, pieces: impl IntoIterator<Item = T>) {
        for piece in pieces {
            if !piece.as_ref().is_empty() && self.try_send(piece) {
                self.settle();
            }
        }
    }

    /// Sends byte by byte; the peer reads each alone.
    pub fn send_each_byte(&mut self, bytes: impl AsRef<[u8]>) {
        self.send_pieces(bytes.as_ref().chunks(1));
    }

    /// Waits until the peer has read everything we sent (TCP; by the kernel's socket table).
    pub fn settle(&self) {
        let Some((ours, theirs)) = self.sock.addrs() else { return };
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            match crate::diag::unread_bytes(theirs, ours) {
                Some(0) | None => return,
                Some(_) => std::thread::yield_now(),
            }
        }
    }

    /// Ends our direction only.
    pub fn half_close(&mut self) {
        self.sock.shutdown(Shutdown::Write);
    }

    /// Closes with a FIN.
    pub fn close(self) {
        drop(self);
    }

    /// Closes with a RST.
    pub fn reset(self) {
        self.sock.linger_zero();
    }

    /// The same, to speak to its TLS session.
    pub fn sock_mut(&mut self) -> &mut Sock {
        &mut self.sock
    }

    /// The bytes read from the socket that no message has taken yet.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// Reads exactly `count` bytes.
    ///
    /// # Errors
    /// What ended the connection before.
    pub fn read_exact(&mut self, count: usize) -> Result<Vec<u8>, Broken> {
        while self.unread.len() < count {
            self.fill()?;
        }
        Ok(self.take(count))
    }

    /// Reads up to and with the empty line that ends a head.
    ///
    /// # Errors
    /// What ended the connection before.
    pub fn read_head(&mut self) -> Result<Vec<u8>, Broken> {
        self.read_until(b"\r\n\r\n")
    }

    /// Reads up to and with `mark`.
    ///
    /// # Errors
    /// What ended the connection before.
    pub fn read_until(&mut self, mark: &[u8]) -> Result<Vec<u8>, Broken> {
        let mut searched = 0;
        loop {
            let from = searched.min(self.unread.len());
            if let Some(at) = crate::message::find(&self.unread[from..], mark) {
                return Ok(self.take(from + at + mark.len()));
            }
            searched = (self.unread.len() + 1).saturating_sub(mark.len());
            self.fill()?;
        }
    }

    /// Reads until the peer ends its direction; `Err` on a reset or a hang.
    ///
    /// # Errors
    /// [`Broken::Reset`] or [`Broken::Hang`].
    pub fn read_to_end(&mut self) -> Result<Vec<u8>, Broken> {
        loop {
            match self.fill() {
                Ok(()) => {}
                Err(Broken::Eof(bytes)) => {
                    self.unread.clear();
                    return Ok(bytes);
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// Reads what there is to read, at least one byte, into a fresh vector.
    ///
    /// # Errors
    /// What ended the connection before.
    pub fn read_some(&mut self) -> Result<Vec<u8>, Broken> {
        if self.unread.is_empty() {
            self.fill()?;
        }
        Ok(self.take(self.unread.len()))
    }

    /// Reads one request with its body.
    ///
    /// # Errors
    /// What ended the connection before, or what is malformed.
    pub fn read_request(&mut self) -> Result<Request, Broken> {
        let mut raw = self.read_head()?;
        let head = Head::parse(&raw).map_err(Broken::Malformed)?;
        let (framing, length) = head.framing().map_err(Broken::Malformed)?;
        let (body, trailers) = self.read_body(framing, length, &mut raw)?;
        Ok(Request { head, body, trailers, framing, raw })
    }

    /// Reads one final response with the interim ones before it. `method` tells whether a body
    /// can follow (RFC 9112 §6.3).
    ///
    /// # Errors
    /// What ended the connection before, or what is malformed.
    pub fn read_response(&mut self, method: &str) -> Result<Response, Broken> {
        let mut interim = Vec::new();
        loop {
            let mut raw = self.read_head()?;
            let head = Head::parse(&raw).map_err(Broken::Malformed)?;
            let status = status_of(&head.start).map_err(Broken::Malformed)?;
            if (100..200).contains(&status) && status != 101 {
                interim.push(head);
                continue;
            }
            let (declared, length) = head.framing().map_err(Broken::Malformed)?;
            let framing = match (method, status, declared) {
                ("HEAD", ..) | (_, 101 | 204 | 304, _) => Framing::None,
                (_, _, Framing::None) => Framing::Close,
                (_, _, declared) => declared,
            };
            let (body, trailers) = self.read_body(framing, length, &mut raw)?;
            return Ok(Response { interim, head, status, body, trailers, framing });
        }
    }

    fn read_body(
        &mut self,
        framing: Framing,
        length: u64,
        raw: &mut Vec<u8>,
    ) -> Result<(Vec<u8>, Vec<Pair>), Broken> {
        let body = match framing {
            Framing::None => return Ok((Vec::new(), Vec::new())),
            Framing::Length => self.read_exact(usize::try_from(length).expect("usize"))?,
            Framing::Close => self.read_to_end()?,
            Framing::Chunked => return self.read_chunks(raw),
        };
        raw.extend_from_slice(&body);
        Ok((body, Vec::new()))
    }

    fn read_chunks(&mut self, raw: &mut Vec<u8>) -> Result<(Vec<u8>, Vec<Pair>), Broken> {
        let mut body = Vec::new();
        loop {
            let line = self.read_until(b"\r\n")?;
            raw.extend_from_slice(&line);
            let size = chunk_size(&line)?;
            if size == 0 {
                return Ok((body, self.read_trailers(raw)?));
            }
            let piece = self.read_exact(size + 2)?;
            raw.extend_from_slice(&piece);
            let Some(piece) = piece.strip_suffix(b"\r\n") else {
                return Err(Broken::Malformed(format!("chunk not ended by CRLF: {piece:?}")));
            };
            body.extend_from_slice(piece);
        }
    }

    fn read_trailers(&mut self, raw: &mut Vec<u8>) -> Result<Vec<Pair>, Broken> {
        let mut trailers = Vec::new();
        loop {
            let line = self.read_until(b"\r\n")?;
            raw.extend_from_slice(&line);
            let text = String::from_utf8_lossy(&line[..line.len() - 2]).into_owned();
            if text.is_empty() {
                return Ok(trailers);
            }
            trailers.push(parse_field(&text).map_err(Broken::Malformed)?);
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.unread.split_off(count);
        std::mem::replace(&mut self.unread, rest)
    }

    /// Reads more into `unread`.
    fn fill(&mut self) -> Result<(), Broken> {
        let mut piece = [0; 64 * 1024];
        loop {
            return match self.sock.read(&mut piece) {
                Ok(0) => Err(Broken::Eof(self.unread.clone())),
                Ok(count) => {
                    self.unread.extend_from_slice(&piece[..count]);
                    if let Some(tape) = &self.tape {
                        tape.write(&piece[..count]);
                    }
                    Ok(())
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) if is_gone(e.kind()) => Err(Broken::Reset(self.unread.clone())),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    Err(Broken::Hang(self.unread.clone()))
                }
                Err(e) => panic!("read: {e}"),
            };
        }
    }
}

impl Read for Wire {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.unread.is_empty() {
            return self.sock.read(out);
        }
        let count = self.unread.len().min(out.len());
        out[..count].copy_from_slice(&self.take(count));
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.sock.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn chunk_size(line: &[u8]) -> Result<usize, Broken> {
    let text = String::from_utf8_lossy(&line[..line.len() - 2]).into_owned();
    let digits = text.split(';').next().unwrap_or_default();
    let hex = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let size = if hex { usize::from_str_radix(digits, 16).ok() } else { None };
    size.ok_or_else(|| Broken::Malformed(format!("chunk size {text:?}")))
}

fn is_gone(kind: ErrorKind) -> bool {
    use ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, NotConnected, UnexpectedEof,
    };
    // The last two come from TLS: a stream cut without a farewell, and an alert.
    let tls = matches!(kind, UnexpectedEof | InvalidData);
    tls || matches!(kind, BrokenPipe | ConnectionReset | ConnectionAborted | NotConnected)
}
