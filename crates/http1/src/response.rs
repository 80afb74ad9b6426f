//! Response heads (RFC 9112 §4).

use crate::{Headers, Version};

/// A response head as understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResponseHead {
    /// The status code, 100 to 599.
    pub status: u16,
    /// The version the origin spoke.
    pub version: Version,
    /// The reason phrase as received; empty where there was none.
    pub reason: Vec<u8>,
    /// The fields.
    pub headers: Headers,
}

impl ResponseHead {
    /// Forgets the response and keeps the memory.
    pub fn clear(&mut self) {
        self.status = 0;
        self.version = Version::Http11;
        self.reason.clear();
        self.headers.clear();
    }
}
