//! A raw client: says any bytes, reads responses strictly, sees how the connection ended.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use crate::message::{Broken, Response};
use crate::sock::Sock;
use crate::wire::Wire;

/// A client connection.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    /// Methods of requests sent by [`Client::ask`] and not answered yet.
    methods: VecDeque<String>,
}

/// How a response that may be cut off ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Whole, by its own framing. A close-delimited one ended with a FIN.
    Whole(Response),
    /// The connection ended first: visibly truncated. What had come.
    Cut(Vec<u8>),
    /// Neither came: a hang. What had come.
    Hang(Vec<u8>),
    /// Bytes that are no response.
    Malformed(String),
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    pub fn connect(addr: SocketAddr) -> Self {
        let sock = Sock::connect(addr).unwrap_or_else(|e| panic!("connect {addr}: {e}"));
        Self::over(sock)
    }

    /// Connects from this local address.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn connect_from(from: SocketAddr, addr: SocketAddr) -> Self {
        let domain = socket2::Domain::for_address(addr);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).expect("socket");
        socket.bind(&from.into()).expect("bind the client");
        socket.connect(&addr.into()).unwrap_or_else(|e| panic!("connect {addr}: {e}"));
        socket.set_tcp_nodelay(true).expect("nodelay");
        Self::over(Sock::Tcp(socket.into()))
    }

    /// Uses a connected socket.
    #[must_use]
    pub fn over(sock: Sock) -> Self {
        Self { wire: Wire::new(sock, None), methods: VecDeque::new() }
    }

    /// Sends a request and remembers its method, so that a HEAD is answered without a body.
    pub fn ask(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let method: Vec<u8> =
            bytes.as_ref().iter().copied().take_while(u8::is_ascii_uppercase).collect();
        self.methods.push_back(String::from_utf8_lossy(&method).into_owned());
        self.wire.send(bytes);
        self
    }

    /// A GET of `target` with a Host, and its response.
    pub fn get(&mut self, target: &str) -> Response {
        self.ask(format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
        self.response()
    }

    /// Sends a whole request and reads its response.
    pub fn exchange(&mut self, bytes: impl AsRef<[u8]>) -> Response {
        self.ask(bytes);
        self.response()
    }

    /// Reads one response.
    ///
    /// # Panics
    /// When the connection ends, hangs, or what comes is no response.
    pub fn response(&mut self) -> Response {
        let method = self.methods.pop_front().unwrap_or_default();
        match self.wire.read_response(&method) {
            Ok(response) => response,
            Err(Broken::Malformed(why)) => panic!("no response: {why}"),
            Err(Broken::Eof(had)) => panic!("closed after {:?}", text(&had)),
            Err(Broken::Reset(had)) => panic!("reset after {:?}", text(&had)),
            Err(Broken::Hang(had)) => panic!("silence after {:?}", text(&had)),
        }
    }

    /// Reads one response that may be cut off.
    pub fn outcome(&mut self) -> Outcome {
        let method = self.methods.pop_front().unwrap_or_default();
        match self.wire.read_response(&method) {
            Ok(response) => Outcome::Whole(response),
            Err(Broken::Eof(had) | Broken::Reset(had)) => Outcome::Cut(had),
            Err(Broken::Hang(had)) => Outcome::Hang(had),
            Err(Broken::Malformed(why)) => Outcome::Malformed(why),
        }
    }

    /// Asserts that the server says no more and closes (a reset counts as closed).
    ///
    /// # Panics
    /// When bytes come, or nothing happens.
    pub fn expect_closed(&mut self) {
        match self.wire.read_some() {
            Err(Broken::Eof(_) | Broken::Reset(_)) => {}
            Ok(bytes) => panic!("instead of a close: {:?}", text(&bytes)),
            Err(other) => panic!("instead of a close: {other:?}"),
        }
    }

    /// Asserts that the connection still serves a plain GET of `target` with 200.
    ///
    /// # Panics
    /// When it does not.
    pub fn expect_alive(&mut self, target: &str) {
        assert_eq!(self.get(target).status, 200, "the connection no longer serves");
    }

    /// All bytes up to the end, reset or not.
    ///
    /// # Panics
    /// On a hang.
    pub fn everything(&mut self) -> String {
        match self.wire.read_to_end() {
            Ok(bytes) | Err(Broken::Reset(bytes) | Broken::Eof(bytes)) => text(&bytes),
            Err(other) => panic!("no end: {other:?}"),
        }
    }

    /// Expects exactly these bytes next.
    ///
    /// # Panics
    /// When others come.
    pub fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let want = bytes.as_ref();
        let got = self.wire.read_exact(want.len()).expect("these bytes");
        assert_eq!(text(&got), text(want));
    }

    /// Closes with a RST.
    pub fn reset(self) {
        self.wire.reset();
    }

    /// The wire itself, without the memory of methods.
    #[must_use]
    pub fn into_wire(self) -> Wire {
        self.wire
    }
}

impl Deref for Client {
    type Target = Wire;
    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
