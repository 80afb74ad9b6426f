//! One borrowed stream of an upstream's HTTP/2 connection.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::h2::Connection;
use super::{ServerState, Turn, UploadTask};
use crate::fault::Fault;
use crate::io::clock;

/// A connection on which not a frame came for this long, while a request waited, may be dead.
const SILENCE: Duration = Duration::from_secs(1);

/// A stream to a server for one exchange.
#[derive(Debug)]
pub struct StreamLease {
    connection: Rc<Connection>,
    server: Rc<ServerState>,
    upload: Option<UploadTask>,
    /// The place that the exchange takes on the server.
    turn: Option<Turn>,
    began: Instant,
    /// Frames that had come when this began.
    heard: u64,
}

impl StreamLease {
    /// Takes room for one stream.
    pub(super) fn new(connection: Rc<Connection>, server: &Rc<ServerState>) -> Self {
        connection.enter();
        let (began, heard) = (clock::coarse(), connection.shared().heard());
        let server = Rc::clone(server);
        Self { connection, server, upload: None, turn: None, began, heard }
    }

    /// Keeps the place on the server for as long as the stream is open.
    pub(super) fn occupy(&mut self, turn: Turn) {
        self.turn = Some(turn);
    }

    /// The connection that carries the stream.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The server at the other end.
    pub(super) fn server(&self) -> &ServerState {
        &self.server
    }

    /// Ties an upload to this lease: when the lease goes, the upload is aborted.
    pub fn attach_upload(&mut self, upload: UploadTask) {
        self.upload = Some(upload);
    }

    /// What ended the upload that runs beside the answer, if that concerns the answer.
    #[must_use]
    pub fn upload_fault(&self) -> Option<Fault> {
        self.upload.as_ref()?.fault()
    }
}

impl Drop for StreamLease {
    fn drop(&mut self) {
        // Whatever comes next is to find out on a new connection.
        let shared = self.connection.shared();
        if shared.heard() == self.heard && self.began.elapsed() >= SILENCE {
            shared.drain();
        }
        self.server.count(self.connection.leave());
    }
}
