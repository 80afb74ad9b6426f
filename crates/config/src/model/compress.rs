//! `compress`: which responses are sent in fewer bytes, and how.

use super::Span;

/// The compression of a route's responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compress {
    /// The codings that may be used, the preferred one first; each at most once, at least one.
    pub codings: Vec<Coding>,
    /// The media types that are worth it.
    pub types: Vec<MediaPattern>,
    /// Bytes that content has at least, where its length is known.
    pub size_bytes_min: u64,
    /// Level of zstd, 1 to 12.
    pub zstd_level: u8,
    /// Level of brotli, 2 to 6.
    pub br_level: u8,
    /// Level of gzip, 1 to 9.
    pub gzip_level: u8,
    /// Where the node is.
    pub span: Span,
}

/// A content coding (RFC 9110 §8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Zstandard (RFC 8878).
    Zstd,
    /// Brotli (RFC 7932).
    Brotli,
    /// gzip (RFC 1952).
    Gzip,
}

impl Coding {
    /// All of them, in the order of preference where nothing is said.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// Its name in `Content-Encoding`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// Media types by their parts, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaPattern {
    /// The type; `None` is any.
    pub kind: Option<String>,
    /// The subtype.
    pub subtype: SubtypePattern,
}

/// The second part of a media type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubtypePattern {
    /// Whatever it is.
    Any,
    /// Exactly this one.
    Exact(String),
    /// One that ends like this, `+` included.
    Suffix(String),
}
