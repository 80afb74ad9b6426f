//! Trailer fields of a chunked body: collected line by line, checked like header fields.
//!
//! Names on which framing, routing, access or the meaning of the content depend are refused, for
//! whoever merges trailers into the header fields would act on them (RFC 9110 §6.5.1).

use crate::diagnose::field_line;
use crate::octets::trim;
use crate::{ChunkLimits, Headers, Known, Refusal};

/// Names that are not [`Known`] and may not stand in trailers either.
const FORBIDDEN: [&[u8]; 7] = [
    b"content-range",
    b"early-data",
    b"if-match",
    b"if-none-match",
    b"pragma",
    b"www-authenticate",
    b"x-real-ip",
];

/// The trailer section so far, and the line that is being read.
#[derive(Debug, Default)]
pub(crate) struct Trailers {
    headers: Headers,
    line: Vec<u8>,
    bytes: u32,
}

impl Trailers {
    /// The complete fields.
    pub(crate) fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Appends an octet to the line.
    pub(crate) fn push(&mut self, octet: u8, limits: &ChunkLimits) -> Result<(), Refusal> {
        if self.bytes >= limits.trailer_bytes_max {
            return Err(Refusal::TrailersTooLarge);
        }
        self.bytes += 1;
        self.line.push(octet);
        Ok(())
    }

    /// Takes the line as a field.
    pub(crate) fn end_line(&mut self, limits: &ChunkLimits) -> Result<(), Refusal> {
        if field_line(&self.line).is_some() {
            return Err(Refusal::BadTrailer);
        }
        if self.headers.len() >= limits.trailers_max as usize {
            return Err(Refusal::TrailersTooLarge);
        }
        let colon = memchr::memchr(b':', &self.line).ok_or(Refusal::BadTrailer)?;
        let (name, value) = self.line.split_at_checked(colon).ok_or(Refusal::BadTrailer)?;
        if is_forbidden(name) {
            return Err(Refusal::ForbiddenTrailer);
        }
        self.headers.push(name, trim(value.get(1..).unwrap_or_default()));
        self.line.clear();
        Ok(())
    }
}

/// Whether a field of this name may not be sent as a trailer.
#[must_use]
pub fn is_forbidden(name: &[u8]) -> bool {
    match Known::of(name) {
        Known::Other => FORBIDDEN.iter().any(|other| other.eq_ignore_ascii_case(name)),
        Known::Date | Known::Etag | Known::ProxyStatus => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(trailers: &mut Trailers, text: &str, limits: &ChunkLimits) -> Result<(), Refusal> {
        text.bytes().try_for_each(|octet| trailers.push(octet, limits))?;
        trailers.end_line(limits)
    }

    #[test]
    fn fields_are_collected_in_order() {
        let limits = ChunkLimits::default();
        let mut trailers = Trailers::default();
        line(&mut trailers, "Grpc-Status:0", &limits).unwrap();
        line(&mut trailers, "etag:  \"a\" ", &limits).unwrap();
        let values: Vec<_> = trailers.headers().iter().map(|field| field.value).collect();
        assert_eq!(values, [&b"0"[..], b"\"a\""]);
    }

    #[test]
    fn faults() {
        let limits = ChunkLimits { trailer_bytes_max: 20, trailers_max: 2, ..Default::default() };
        for (text, refusal) in [
            ("A : b", Refusal::BadTrailer),
            (" A: b", Refusal::BadTrailer),
            ("A", Refusal::BadTrailer),
            (": b", Refusal::BadTrailer),
            ("A: \0", Refusal::BadTrailer),
            ("host: a", Refusal::ForbiddenTrailer),
            ("content-length: 1", Refusal::ForbiddenTrailer),
            ("Content-Range: a", Refusal::ForbiddenTrailer),
            ("a: 456789012345678901", Refusal::TrailersTooLarge),
        ] {
            assert_eq!(line(&mut Trailers::default(), text, &limits), Err(refusal), "{text}");
        }
        line(&mut Trailers::default(), "a: 45678901234567890", &limits).unwrap();
        let mut trailers = Trailers::default();
        line(&mut trailers, "a: b", &limits).unwrap();
        line(&mut trailers, "a: b", &limits).unwrap();
        assert_eq!(line(&mut trailers, "a: b", &limits), Err(Refusal::TrailersTooLarge));
    }
}
