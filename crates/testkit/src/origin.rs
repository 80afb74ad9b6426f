//! A programmable origin server: each connection runs a script on its own thread.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::{Deref, DerefMut};
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::authority::Leaf;
use crate::message::{Broken, Request};
use crate::seen::Seen;
use crate::sock::Sock;
use crate::tls::Secured;
use crate::wire::Wire;

/// A listening origin. Dropping it stops it and fails the test if a script complained.
#[derive(Debug)]
pub struct Origin {
    place: Place,
    seen: Seen,
    stopping: Arc<AtomicBool>,
}

#[derive(Clone, Debug)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// One connection as its script sees it; a [`Wire`] with a number and a memory.
#[derive(Debug)]
pub struct Turn {
    wire: Wire,
    seen: Seen,
    /// Which connection this is, from 0.
    pub index: usize,
}

impl Origin {
    /// Runs `script` for each connection; the connection closes when it returns.
    #[must_use]
    pub fn script(script: impl Fn(&mut Turn) + Send + Sync + 'static) -> Self {
        Self::on("127.0.0.1:0".parse().expect("an address"), script)
    }

    /// As [`Origin::script`], on this address.
    #[must_use]
    pub fn on(addr: SocketAddr, script: impl Fn(&mut Turn) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(addr).expect("bind origin");
        let addr = listener.local_addr().expect("bound");
        Self::start(Place::Tcp(addr), script, move || {
            let (stream, _) = listener.accept().expect("accept");
            stream.set_nodelay(true).expect("nodelay");
            Sock::Tcp(stream)
        })
    }

    /// As [`Origin::script`], over TLS. A connection whose handshake fails is closed, and its
    /// script ends without a farewell unless it says one.
    #[must_use]
    pub fn secured(leaf: Leaf, script: impl Fn(&mut Turn) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind origin");
        let addr = listener.local_addr().expect("bound");
        Self::start(Place::Tcp(addr), script, move || {
            let (stream, _) = listener.accept().expect("accept");
            stream.set_nodelay(true).expect("nodelay");
            let plain = Sock::Tcp(stream.try_clone().expect("dup"));
            Secured::serve(stream, &leaf).map_or(plain, |tls| Sock::Tls(Box::new(tls)))
        })
    }

    /// As [`Origin::script`], on a Unix socket.
    #[must_use]
    pub fn unix(path: &Path, script: impl Fn(&mut Turn) + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).expect("bind origin");
        Self::start(Place::Unix(path.to_owned()), script, move || {
            Sock::Unix(listener.accept().expect("accept").0)
        })
    }

    /// Answers every request with these bytes (without the body for HEAD), and closes after it
    /// when they say `Connection: close` or give no length.
    #[must_use]
    pub fn simple(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::answer(move |_| response.clone())
    }

    /// Answers every request with what `answer` makes of it, by the rules of [`Origin::simple`].
    #[must_use]
    pub fn answer(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::script(answering(answer))
    }

    /// Answers with the head and decoded body it got, as `Response::echoed` understands.
    #[must_use]
    pub fn echo() -> Self {
        Self::answer(echo)
    }

    /// Accepts and never reads, answers or closes.
    #[must_use]
    pub fn deaf() -> Self {
        Self::script(|_| std::thread::sleep(crate::PATIENCE * 4))
    }

    /// Host and port, or `unix:` and a path, as a configuration writes it.
    #[must_use]
    pub fn server(&self) -> String {
        match &self.place {
            Place::Tcp(addr) => addr.to_string(),
            Place::Unix(path) => format!("unix:{}", path.display()),
        }
    }

    /// The TCP address.
    ///
    /// # Panics
    /// For a Unix socket.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        let Place::Tcp(addr) = &self.place else { panic!("a Unix socket has no address") };
        *addr
    }

    /// What it saw so far.
    #[must_use]
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Every request it read so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.seen.requests()
    }

    fn start(
        place: Place,
        script: impl Fn(&mut Turn) + Send + Sync + 'static,
        mut accept: impl FnMut() -> Sock + Send + 'static,
    ) -> Self {
        let origin = Self { place, seen: Seen::default(), stopping: Arc::default() };
        let (seen, stopping) = (origin.seen.clone(), Arc::clone(&origin.stopping));
        let script = Arc::new(script);
        std::thread::spawn(move || {
            loop {
                let sock = accept();
                if stopping.load(Ordering::SeqCst) {
                    return;
                }
                let tape = seen.begin();
                let index = tape.index();
                let wire = Wire::new(sock, Some(tape));
                let turn = Turn { wire, seen: seen.clone(), index };
                let script = Arc::clone(&script);
                std::thread::spawn(move || play(turn, &*script));
            }
        });
        origin
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        match &self.place {
            Place::Tcp(addr) => drop(TcpStream::connect(addr)),
            Place::Unix(path) => drop(UnixStream::connect(path)),
        }
        let complaints = self.seen.complaints();
        if !std::thread::panicking() {
            assert!(complaints.is_empty(), "the origin complains: {complaints:#?}");
        } else if !complaints.is_empty() {
            println!("the origin complains: {complaints:#?}");
        }
    }
}

impl Turn {
    /// Reads one request with its body and remembers it.
    ///
    /// # Panics
    /// When the connection ends before or it is malformed.
    pub fn request(&mut self) -> Request {
        let request = self.wire.read_request().expect("a whole request");
        self.seen.request(request.clone());
        request
    }

    /// The next request; `None` when the connection ended or stayed silent instead. A request
    /// that is malformed is a complaint.
    pub fn next_request(&mut self) -> Option<Request> {
        match self.wire.read_request() {
            Ok(request) => {
                self.seen.request(request.clone());
                Some(request)
            }
            Err(Broken::Malformed(why)) => {
                self.seen.complain(why);
                None
            }
            Err(_) => None,
        }
    }

    /// Reads a head only and checks its request line.
    ///
    /// # Panics
    /// When it differs.
    pub fn expect_request_line(&mut self, line: &str) -> String {
        let head = self.wire.read_head().expect("a head");
        let head = String::from_utf8_lossy(&head).into_owned();
        assert_eq!(head.split("\r\n").next(), Some(line), "request line");
        head
    }

    /// Reads and drops until the other side closes or resets, as an origin does that must not
    /// reset the connection by closing on unread bytes.
    pub fn drain(&mut self) {
        while self.wire.read_some().is_ok() {}
    }
}

impl Deref for Turn {
    type Target = Wire;
    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

/// The script that answers request after request.
pub fn answering(answer: impl Fn(&Request) -> Vec<u8>) -> impl Fn(&mut Turn) {
    move |turn| {
        while let Some(request) = turn.next_request() {
            let mut response = answer(&request);
            let head = crate::message::find(&response, b"\r\n\r\n").map_or(0, |at| at + 4);
            let lower = String::from_utf8_lossy(&response[..head]).to_ascii_lowercase();
            if request.method() == "HEAD" {
                response.truncate(head);
            }
            let bodiless = request.method() == "HEAD"
                || lower.starts_with("http/1.1 204")
                || lower.starts_with("http/1.1 304");
            turn.send(&response);
            let framed = lower.contains("content-length:") || lower.contains("chunked");
            if lower.contains("connection: close") || !(framed || bodiless) {
                return;
            }
        }
    }
}

/// A 200 whose body is the request.
#[must_use]
pub fn echo(request: &Request) -> Vec<u8> {
    let end = crate::message::find(&request.raw, b"\r\n\r\n").map_or(0, |at| at + 4);
    let body = [&request.raw[..end], &request.body].concat();
    ok(&body)
}

/// A 200 with this body and its length.
#[must_use]
pub fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Runs one connection; a panic of the script becomes a complaint.
fn play(mut turn: Turn, script: &(impl Fn(&mut Turn) + ?Sized)) {
    let seen = turn.seen.clone();
    let index = turn.index;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        script(&mut turn);
        drop(turn);
    }));
    if let Err(why) = outcome {
        let text = why.downcast_ref::<String>().cloned();
        let text = text.or_else(|| why.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        seen.complain(format!("connection {index}: {}", text.unwrap_or_default()));
    }
    seen.end();
}
