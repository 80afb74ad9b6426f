//! What a head may cost.

/// Limits on one message head. Beyond them the head is refused, never cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the whole head, start line included. Over it: 431 (or 502 from an origin).
    pub head_bytes_max: usize,
    /// Number of fields. Over it: 431.
    pub headers_max: usize,
    /// Bytes of the request target. Over it: 414.
    pub uri_bytes_max: usize,
}

/// The most fields that a configuration may allow; sized for the parser's scratch space.
pub const HEADERS_MAX: usize = 512;

/// The longest field name, in bytes. Names that overflowed a small integer split requests in
/// peers; none that is in use comes near.
pub const NAME_BYTES_MAX: usize = 1024;

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head_bytes_max: 32 * 1024, headers_max: 128, uri_bytes_max: 8 * 1024 }
    }
}
