//! HTTP/1.1 without I/O and without a clock (RFC 9110, RFC 9112).
//!
//! The crate turns bytes into heads and bodies, and heads and bodies into bytes. It never reads
//! a socket, never asks for the time and never allocates for a message once its buffers are warm.
//! It is strict: what could be read in two ways is refused with a `Refusal` that says why.
//!
//! **Invariant:** only `framing` decides how long a body is.

pub mod assemble;
mod authority;
mod diagnose;
mod octets;
mod parse;
mod target;

pub mod body;
pub mod chunked;
pub mod encode;
pub mod framing;
pub mod headers;
pub mod known;
pub mod limits;
pub mod method;
pub mod refusal;
pub mod request;
pub mod response;
pub mod scan;
pub mod trailers;

pub use assemble::PseudoFields;
pub use authority::is_authority;
pub use body::{BodyDecoder, Step};
pub use chunked::ChunkLimits;
pub use encode::{
    CHUNK_END, Framing, LAST_CHUNK, Persistence, chunk_prefix, interim_head, last_chunk, reason,
    request_head, response_head,
};
pub use framing::{
    BodyLength, connection_names, content_length, is_upgrade, persists, request_length,
    response_length,
};
pub use headers::{Field, Headers};
pub use known::Known;
pub use limits::HeadLimits;
pub use method::{Method, is_token};
pub use refusal::Refusal;
pub use request::{RequestHead, TargetForm, host_of};
pub use response::ResponseHead;
pub use scan::HeadScanner;

/// The protocol version of a message. HTTP/2 and HTTP/3 requests use the same head types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP/1.0 (RFC 1945): no chunked coding, connections close unless asked otherwise.
    Http10,
    /// HTTP/1.1 (RFC 9112).
    #[default]
    Http11,
    /// HTTP/2 (RFC 9113).
    Http2,
}

impl Version {
    /// The text used in request lines, status lines and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }
}
