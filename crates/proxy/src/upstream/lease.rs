//! One borrowed upstream connection. It goes back to its pool clean, or it is closed.

use std::rc::Rc;

use super::{ServerState, Turn, UploadTask};
use crate::fault::Fault;
use crate::transport::Transport;

/// A connection to a server for one exchange.
#[derive(Debug)]
pub struct Lease {
    transport: Rc<Transport>,
    server: Rc<ServerState>,
    reused: bool,
    /// Cleared when the connection must not serve another request.
    persists: bool,
    upload: Option<UploadTask>,
    /// The place that the exchange takes on the server.
    turn: Option<Turn>,
}

impl Lease {
    /// A connection that was idle, if the server has one.
    #[must_use]
    pub fn from_pool(server: &Rc<ServerState>) -> Option<Self> {
        Some(Self::new(server.pool.take()?, server, true))
    }

    /// A connection just made.
    #[must_use]
    pub fn fresh(transport: Rc<Transport>, server: &Rc<ServerState>) -> Self {
        Self::new(transport, server, false)
    }

    fn new(transport: Rc<Transport>, server: &Rc<ServerState>, reused: bool) -> Self {
        server.active.set(server.active.get() + 1);
        let server = Rc::clone(server);
        Self { transport, server, reused, persists: true, upload: None, turn: None }
    }

    /// Keeps the place on the server for as long as the connection is borrowed.
    pub fn occupy(&mut self, turn: Turn) {
        self.turn = Some(turn);
    }

    /// The connection.
    #[must_use]
    pub fn transport(&self) -> Rc<Transport> {
        Rc::clone(&self.transport)
    }

    /// The server at the other end.
    #[must_use]
    pub fn server(&self) -> &Rc<ServerState> {
        &self.server
    }

    /// Whether the connection has carried an exchange before.
    #[must_use]
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// The connection ends with this exchange.
    pub fn close_after(&mut self) {
        self.persists = false;
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

    /// Gives the connection back. It is closed instead when the origin asked for that, when the
    /// request was not sent whole, or when the origin has sent more than its answer.
    pub fn put_back(self) {
        let unsent = self.upload.as_ref().is_some_and(|upload| !upload.is_done());
        if self.persists && !unsent && !self.transport.has_buffered() {
            self.transport.timer().reset();
            self.server.pool.put(Rc::clone(&self.transport));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.server.active.set(self.server.active.get().saturating_sub(1));
        self.server.count(self.transport.stream().take_traffic());
    }
}
