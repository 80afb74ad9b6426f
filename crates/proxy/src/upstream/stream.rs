//! One borrowed stream of an upstream's HTTP/2 connection.

use super::UploadTask;
use crate::fault::Fault;

/// A stream to a server for one exchange.
#[derive(Debug, Default)]
pub struct StreamLease {
    upload: Option<UploadTask>,
}

impl StreamLease {
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
