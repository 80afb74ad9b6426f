//! One TLS session: turns the records of a socket into bytes and back.
//!
//! rustls does the cryptography on buffers that are ours, so an idle session holds none.

use std::cell::RefCell;
use std::io;
use std::mem;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedConnectionCommon,
    UnbufferedStatus,
};
use rustls::{CommonState, Error};

use super::Buffer;

/// Decrypted bytes that one read takes out of the records in hand, before others get their turn.
const READ_BYTES_MAX: usize = 32 * 1024;

/// The most that sealing `plain_bytes` at once can take.
pub(super) const fn sealed_bytes_max(plain_bytes: usize) -> usize {
    plain_bytes + (plain_bytes / RECORD_CONTENT_BYTES + 1) * RECORD_OVERHEAD_BYTES
}

/// Bytes of a record beside its content, at the most.
const RECORD_OVERHEAD_BYTES: usize = 64;

/// Content of one record (RFC 8446 §5.1).
const RECORD_CONTENT_BYTES: usize = 16 * 1024;

/// The state of one TLS session.
#[derive(Debug)]
pub struct Session {
    connection: Connection,
    records: Records,
    server_name: Option<Box<str>>,
}

thread_local! {
    /// What the client of the handshake in progress asked for: this kind of connection tells the
    /// name to nobody but the certificate resolver.
    static ASKED: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

/// Says what name the client of the handshake in progress asked for. For certificate resolvers.
pub fn note_server_name(name: Option<&str>) {
    ASKED.set(name.map(Box::from));
}

enum Connection {
    Server(UnbufferedServerConnection),
    Client(UnbufferedClientConnection),
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Server(_)) { "Server" } else { "Client" })
    }
}

/// What is on its way in and out.
#[derive(Debug, Default)]
struct Records {
    /// Records as they came from the socket.
    incoming: Buffer,
    /// Content that came to light while something was written.
    content: Buffer,
    /// Records that the socket has not taken yet.
    outgoing: Buffer,
    /// Bytes of the caller's that `outgoing` stands for.
    promised: usize,
    /// The peer has announced its end (RFC 8446 §6.1).
    peer_closed: bool,
    is_open: bool,
    /// What ended the session; an alert may still have to go out.
    failed: Option<Broken>,
}

/// Why a session cannot go on.
#[derive(Clone, Debug)]
pub(super) enum Broken {
    /// The peer broke the protocol, or is not to be trusted.
    Tls(Error),
    /// The memory budget is spent.
    Memory,
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Tls(error)
    }
}

impl From<Broken> for io::Error {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Tls(error) => Self::new(io::ErrorKind::InvalidData, error),
            Broken::Memory => io::ErrorKind::OutOfMemory.into(),
        }
    }
}

/// What one step of the session came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Something was done; there may be more.
    Again,
    /// Content was read.
    Content,
    /// The handshake waits for the peer.
    Blocked,
    /// Nothing is left to do; content may be written.
    Open,
    /// Both sides have closed.
    Closed,
}

impl Session {
    /// The session of a client that has connected to us.
    #[must_use]
    pub fn server(connection: UnbufferedServerConnection) -> Self {
        Self::new(Connection::Server(connection))
    }

    /// The session with a server that we have connected to.
    #[must_use]
    pub fn client(connection: UnbufferedClientConnection) -> Self {
        Self::new(Connection::Client(connection))
    }

    fn new(connection: Connection) -> Self {
        Self { connection, records: Records::default(), server_name: None }
    }

    /// What has been agreed upon.
    #[must_use]
    pub fn common(&self) -> &CommonState {
        match &self.connection {
            Connection::Server(connection) => connection,
            Connection::Client(connection) => connection,
        }
    }

    /// The name that the client asked for (RFC 6066 §3); always `None` for a client's session.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Whether this side is the server.
    #[must_use]
    pub fn is_server(&self) -> bool {
        matches!(self.connection, Connection::Server(_))
    }

    /// The buffer that records are to be read into.
    pub(super) fn incoming(&mut self) -> &mut Buffer {
        &mut self.records.incoming
    }

    /// Gives back what memory is not needed while nothing comes.
    pub(super) fn rest(&mut self) {
        self.records.incoming.shrink();
        self.records.content.release_empty();
    }

    /// Whether records wait to be sent.
    pub(super) fn outgoing(&self) -> &[u8] {
        self.records.outgoing.data()
    }

    /// The socket has taken `count` bytes.
    pub(super) fn sent(&mut self, count: usize) {
        self.records.outgoing.consume(count);
    }

    /// Bytes of the caller's that have been encrypted and are accounted for once they are sent.
    pub(super) fn take_promised(&mut self) -> usize {
        mem::take(&mut self.records.promised)
    }

    /// Whether the peer has announced that it will send nothing more.
    #[must_use]
    pub fn is_peer_closed(&self) -> bool {
        self.records.peer_closed
    }

    /// Works through the records in hand until the handshake is over (`true`) or waits for more
    /// (`false`). What is to be sent is in `outgoing` either way.
    ///
    /// # Errors
    /// When the peer breaks the protocol or cannot be trusted; an alert is in `outgoing`.
    pub(super) fn shake_hands(&mut self) -> Result<bool, Broken> {
        loop {
            let stepped = self.step(Target::Own)?;
            if let Some(name) = ASKED.take() {
                self.server_name = Some(name);
            }
            match stepped {
                Step::Again | Step::Content => {}
                Step::Blocked | Step::Closed => return Ok(false),
                Step::Open => return Ok(true),
            }
        }
    }

    /// Decrypts into `into`; returns the number of bytes, 0 when more records are needed.
    ///
    /// # Errors
    /// When a record cannot be authenticated, or the memory budget is spent.
    pub(super) fn read(&mut self, into: &mut Buffer) -> io::Result<usize> {
        let before = into.len();
        let kept = mem::take(&mut self.records.content);
        if !kept.is_empty() {
            if into.is_empty() {
                *into = kept;
            } else {
                into.append(kept.data())?;
            }
        }
        while into.len() - before < READ_BYTES_MAX && !self.records.peer_closed {
            match self.step(Target::Caller(into))? {
                Step::Again | Step::Content => {}
                Step::Blocked | Step::Open | Step::Closed => break,
            }
        }
        Ok(into.len() - before)
    }

    /// Works off what else is in hand before something is written: content is kept for the next
    /// read, handshake records are in `outgoing` then.
    ///
    /// # Errors
    /// When the session is broken or closed.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        loop {
            match self.step(Target::Own)? {
                Step::Again | Step::Content => {}
                Step::Open => return Ok(()),
                Step::Blocked | Step::Closed => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }

    /// Encrypts `plain` into `out`, which must have room for [`sealed_bytes_max`]; returns the
    /// bytes written there.
    ///
    /// # Errors
    /// When the keys are used up.
    pub(super) fn seal(&mut self, plain: &[u8], out: &mut [u8]) -> io::Result<usize> {
        if plain.is_empty() {
            return Ok(0);
        }
        self.encrypt(plain, out).map_err(io::Error::other)
    }

    /// Keeps sealed records that the socket did not take, which stand for `plain` bytes.
    ///
    /// # Errors
    /// `OutOfMemory` when the memory budget is spent; the session is of no use then.
    pub(super) fn keep(&mut self, rest: &[u8], plain: usize) -> io::Result<()> {
        debug_assert!(self.records.outgoing.is_empty(), "nothing may overtake what waits");
        self.records.promised = plain;
        self.records.outgoing.append(rest).inspect_err(|_| self.fail(Broken::Memory))
    }

    /// The alert that announces our end (RFC 8446 §6.1), once and only if the session is open.
    pub(super) fn farewell(&mut self) -> Vec<u8> {
        if !self.records.is_open || self.records.failed.is_some() || !self.outgoing().is_empty() {
            return Vec::new();
        }
        self.records.is_open = false;
        let mut out = vec![0; 2 * RECORD_OVERHEAD_BYTES];
        let length = match &mut self.connection {
            Connection::Server(connection) => close(connection, &mut self.records, &mut out),
            Connection::Client(connection) => close(connection, &mut self.records, &mut out),
        };
        out.truncate(length);
        out
    }

    fn encrypt(&mut self, plain: &[u8], out: &mut [u8]) -> Result<usize, EncryptError> {
        match &mut self.connection {
            Connection::Server(connection) => seal(connection, &mut self.records, (plain, out)),
            Connection::Client(connection) => seal(connection, &mut self.records, (plain, out)),
        }
    }

    fn step(&mut self, target: Target<'_>) -> Result<Step, Broken> {
        if let Some(error) = &self.records.failed {
            return Err(error.clone());
        }
        let stepped = match &mut self.connection {
            Connection::Server(connection) => step(connection, &mut self.records, target),
            Connection::Client(connection) => step(connection, &mut self.records, target),
        };
        if let Err(error) = &stepped {
            self.fail(error.clone());
        }
        stepped
    }

    /// Notes what ended the session, and takes the alert that tells the peer.
    #[cold]
    fn fail(&mut self, error: Broken) {
        // What waits to be sent ends with the alert. The broken record is still in hand and must
        // not be looked at again.
        while self.common().wants_write() {
            let stepped = match &mut self.connection {
                Connection::Server(connection) => step(connection, &mut self.records, Target::Own),
                Connection::Client(connection) => step(connection, &mut self.records, Target::Own),
            };
            if !matches!(stepped, Ok(Step::Again | Step::Content)) {
                break;
            }
        }
        self.records.failed = Some(error);
    }
}

/// Where content goes.
enum Target<'a> {
    Caller(&'a mut Buffer),
    /// Into the session's own buffer, for a later read.
    Own,
}

/// Both kinds of connection, which differ in one type only.
trait Process {
    type Role;
    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Role>;
}

impl Process for UnbufferedServerConnection {
    type Role = ServerConnectionData;
    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Role> {
        UnbufferedConnectionCommon::<ServerConnectionData>::process_tls_records(self, incoming)
    }
}

impl Process for UnbufferedClientConnection {
    type Role = ClientConnectionData;
    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Role> {
        UnbufferedConnectionCommon::<ClientConnectionData>::process_tls_records(self, incoming)
    }
}

fn step<C: Process>(
    connection: &mut C,
    records: &mut Records,
    target: Target<'_>,
) -> Result<Step, Broken> {
    let Records { incoming, content, outgoing, .. } = records;
    let status = connection.process(incoming.data_mut());
    let discard = status.discard;
    let stepped = match status.state? {
        ConnectionState::ReadTraffic(mut traffic) => {
            let into = match target {
                Target::Caller(into) => into,
                Target::Own => content,
            };
            while let Some(record) = traffic.next_record() {
                into.append(record?.payload).map_err(|_| Broken::Memory)?;
            }
            Step::Content
        }
        ConnectionState::EncodeTlsData(mut data) => {
            encode(&mut data, outgoing)?;
            Step::Again
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Step::Again
        }
        ConnectionState::BlockedHandshake => Step::Blocked,
        ConnectionState::WriteTraffic(_) => {
            records.is_open = true;
            Step::Open
        }
        ConnectionState::PeerClosed => {
            records.peer_closed = true;
            Step::Again
        }
        ConnectionState::Closed => Step::Closed,
        // Early data is never accepted, and later states are unknown here.
        _ => return Err(Error::General("an unexpected state of the session".to_owned()).into()),
    };
    records.incoming.consume(discard);
    Ok(stepped)
}

fn encode<D>(data: &mut EncodeTlsData<'_, D>, outgoing: &mut Buffer) -> Result<(), Broken> {
    let mut record = match data.encode(&mut []) {
        Err(EncodeError::InsufficientSize(error)) => vec![0; error.required_size],
        Ok(_) | Err(EncodeError::AlreadyEncoded) => return Ok(()),
    };
    data.encode(&mut record).map_err(|error| Error::General(error.to_string()))?;
    outgoing.append(&record).map_err(|_| Broken::Memory)
}

fn seal<C: Process>(
    connection: &mut C,
    records: &mut Records,
    (plain, out): (&[u8], &mut [u8]),
) -> Result<usize, EncryptError> {
    match connection.process(records.incoming.data_mut()).state {
        Ok(ConnectionState::WriteTraffic(mut traffic)) => traffic.encrypt(plain, out),
        _ => Err(EncryptError::EncryptExhausted),
    }
}

fn close<C: Process>(connection: &mut C, records: &mut Records, out: &mut [u8]) -> usize {
    match connection.process(records.incoming.data_mut()).state {
        Ok(ConnectionState::WriteTraffic(mut traffic)) => {
            traffic.queue_close_notify(out).unwrap_or(0)
        }
        _ => 0,
    }
}
