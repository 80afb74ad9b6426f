//! What the dialogues of layer 4 share.

use std::time::Instant;

use testkit::{Origin, PATIENCE, Setup};

/// A TCP listener that passes everything on to these servers.
#[derive(Clone, Default)]
pub struct Tcp {
    servers: String,
    listener: String,
    upstream: String,
    globals: String,
}

impl Tcp {
    /// In front of this origin.
    pub fn before(origin: &Origin) -> Self {
        Self::default().server(&origin.server())
    }

    /// Adds a server.
    pub fn server(mut self, server: &str) -> Self {
        self.servers += &format!("server \"{server}\"\n");
        self
    }

    /// Adds nodes to the listener.
    pub fn listener(mut self, text: &str) -> Self {
        self.listener += &format!("{text}\n");
        self
    }

    /// Adds nodes to the upstream.
    pub fn upstream(mut self, text: &str) -> Self {
        self.upstream += &format!("{text}\n");
        self
    }

    /// Adds nodes at the top.
    pub fn global(mut self, text: &str) -> Self {
        self.globals += &format!("{text}\n");
        self
    }

    /// The configuration.
    pub fn setup(&self) -> Setup {
        let Self { servers, listener, upstream, globals } = self;
        Setup::whole(&format!(
            "listen \"$LISTEN\" protocol=\"tcp\" {{\nproxy \"origin\"\n{listener}}}\n\
             admin \"$ADMIN\"\naccess-log \"stdout\" format=\"json\"\n{globals}\
             upstream \"origin\" {{\n{servers}{upstream}}}\n"
        ))
    }

    /// Starts it.
    pub fn start(&self) -> testkit::Weir {
        self.setup().start()
    }
}

/// An origin that sends everything back, and ends when the client does.
pub fn parrot() -> Origin {
    Origin::script(|c| {
        while let Ok(bytes) = c.read_some() {
            c.send(bytes);
        }
    })
}

/// Polls until `done`.
pub fn wait(what: &str, done: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// A client that says something and expects an answer.
pub trait Says {
    /// Sends these bytes; exactly those have to come next.
    fn says(&mut self, bytes: &str, answer: &str);
}

impl Says for testkit::Client {
    fn says(&mut self, bytes: &str, answer: &str) {
        self.send(bytes);
        self.expect(answer);
    }
}
