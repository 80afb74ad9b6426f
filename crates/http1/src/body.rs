//! Takes a body off the bytes of a connection, whatever says where it ends.

use std::ops::Range;

use crate::chunked::{ChunkLimits, Chunked};
use crate::{BodyLength, Headers, Refusal};

/// What one call of [`BodyDecoder::step`] took from the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Bytes that are done with, data and framing.
    pub consumed: usize,
    /// Where in the input the data stands; inside `..consumed`, often empty.
    pub data: Range<usize>,
    /// Whether the body is complete. Bytes behind `consumed` belong to the next message then.
    pub ended: bool,
}

/// Decodes one body. It holds no input: what it consumed it has understood.
#[derive(Debug)]
pub struct BodyDecoder {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Ended,
    Exact(u64),
    UntilClose,
    Chunked(Chunked),
}

impl BodyDecoder {
    /// A decoder for a body of this length, with the default limits on chunked framing.
    #[must_use]
    pub fn new(length: BodyLength) -> Self {
        Self::with_limits(length, ChunkLimits::default())
    }

    /// A decoder with other limits on chunked framing.
    #[must_use]
    pub fn with_limits(length: BodyLength, limits: ChunkLimits) -> Self {
        Self {
            kind: match length {
                BodyLength::None | BodyLength::Exact(0) => Kind::Ended,
                BodyLength::Exact(bytes) => Kind::Exact(bytes),
                BodyLength::UntilClose => Kind::UntilClose,
                BodyLength::Chunked => Kind::Chunked(Chunked::new(limits)),
            },
        }
    }

    /// Takes as much of `input` as makes at most one run of data. The caller hands in what was
    /// not consumed again, with what follows it; only an empty input consumes nothing.
    ///
    /// A body that has ended consumes nothing and says again that it has ended.
    ///
    /// # Errors
    /// Chunked framing that is malformed or over a limit. The decoder is spent then.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, Refusal> {
        let len = match &mut self.kind {
            Kind::Chunked(chunked) if !chunked.is_ended() => return chunked.step(input),
            Kind::Chunked(_) | Kind::Ended => 0,
            Kind::UntilClose => input.len(),
            Kind::Exact(left) => usize::try_from(*left).map_or(input.len(), |l| l.min(input.len())),
        };
        self.skip(len as u64);
        Ok(Step { consumed: len, data: 0..len, ended: self.is_ended() })
    }

    /// Whether the body is complete.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        match &self.kind {
            Kind::Ended => true,
            Kind::Exact(_) | Kind::UntilClose => false,
            Kind::Chunked(chunked) => chunked.is_ended(),
        }
    }

    /// Bytes still to come, where a length was announced and some are left.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        match self.kind {
            Kind::Exact(left) => Some(left),
            _ => None,
        }
    }

    /// Notes that so many bytes of data went past the decoder, for instance by splicing. Nothing
    /// but a body of announced length counts them.
    pub fn skip(&mut self, bytes: u64) {
        if let Kind::Exact(left) = &mut self.kind {
            debug_assert!(bytes <= *left, "more bytes skipped than the body has");
            *left = left.saturating_sub(bytes);
            if *left == 0 {
                self.kind = Kind::Ended;
            }
        }
    }

    /// Whether the body ends with the connection.
    #[must_use]
    pub fn is_until_close(&self) -> bool {
        matches!(self.kind, Kind::UntilClose)
    }

    /// Notes that the sender has closed its side.
    ///
    /// # Errors
    /// [`Refusal::Truncated`] where the body was to be longer.
    pub fn on_eof(&mut self) -> Result<(), Refusal> {
        if self.is_until_close() {
            self.kind = Kind::Ended;
        }
        if self.is_ended() { Ok(()) } else { Err(Refusal::Truncated) }
    }

    /// The trailer fields, once the body has ended and if it had any.
    #[must_use]
    pub fn trailers(&self) -> Option<&Headers> {
        match &self.kind {
            Kind::Chunked(chunked) => chunked.trailers(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the whole input at once; the data, how much was consumed, and the outcome.
    fn drain(decoder: &mut BodyDecoder, input: &[u8]) -> (Vec<u8>, usize, Result<bool, Refusal>) {
        let (mut data, mut at) = (Vec::new(), 0);
        loop {
            match decoder.step(&input[at..]) {
                Err(refusal) => return (data, at, Err(refusal)),
                Ok(step) => {
                    data.extend_from_slice(&input[at..][step.data]);
                    at += step.consumed;
                    if step.ended || at == input.len() {
                        return (data, at, Ok(step.ended));
                    }
                }
            }
        }
    }

    fn chunked(input: &str) -> Result<(String, usize), Refusal> {
        let mut decoder = BodyDecoder::new(BodyLength::Chunked);
        let (data, at, ended) = drain(&mut decoder, input.as_bytes());
        if ended? { Ok((String::from_utf8(data).unwrap(), at)) } else { Err(Refusal::Truncated) }
    }

    #[test]
    fn the_decoder_stays_small() {
        assert!(size_of::<BodyDecoder>() <= 64, "{}", size_of::<BodyDecoder>());
    }

    #[test]
    fn empty_bodies_have_ended_from_the_start() {
        for length in [BodyLength::None, BodyLength::Exact(0)] {
            let mut decoder = BodyDecoder::new(length);
            assert!(decoder.is_ended());
            assert_eq!(decoder.step(b"x"), Ok(Step { consumed: 0, data: 0..0, ended: true }));
            assert_eq!(decoder.on_eof(), Ok(()));
        }
    }

    #[test]
    fn exact_bodies() {
        let mut decoder = BodyDecoder::new(BodyLength::Exact(5));
        assert_eq!(decoder.step(b"ab"), Ok(Step { consumed: 2, data: 0..2, ended: false }));
        assert_eq!(decoder.remaining(), Some(3));
        assert_eq!(decoder.on_eof(), Err(Refusal::Truncated));
        decoder.skip(2);
        assert_eq!(decoder.step(b"cde"), Ok(Step { consumed: 1, data: 0..1, ended: true }));
        assert_eq!((decoder.remaining(), decoder.is_ended()), (None, true));
    }

    #[test]
    fn until_close() {
        let mut decoder = BodyDecoder::new(BodyLength::UntilClose);
        assert!(decoder.is_until_close());
        assert_eq!(decoder.step(b"ab"), Ok(Step { consumed: 2, data: 0..2, ended: false }));
        assert_eq!(decoder.on_eof(), Ok(()));
        assert!(decoder.is_ended());
    }

    #[test]
    fn one_step_takes_the_framing_on_both_sides_of_its_data() {
        let mut decoder = BodyDecoder::new(BodyLength::Chunked);
        let step = decoder.step(b"5\r\nhello\r\n0\r\n\r\nGET").unwrap();
        assert_eq!(step, Step { consumed: 15, data: 3..8, ended: true });
        assert_eq!(decoder.step(b"GET"), Ok(Step { consumed: 0, data: 0..0, ended: true }));
        assert!(decoder.trailers().is_none());
    }

    #[test]
    fn good_chunked_bodies() {
        for (input, data) in [
            ("0\r\n\r\n", ""),
            ("000\r\n\r\n", ""),
            ("1\r\na\r\nA\r\n0123456789\r\n0\r\n\r\n", "a0123456789"),
            ("1;a\r\nx\r\n0;b=c\r\n\r\n", "x"),
            ("1;a=\"q;\\\"\t\" ; b = c\r\nx\r\n0\r\n\r\n", "x"),
            ("1 ;a\r\nx\r\n0\r\n\r\n", "x"),
            ("1\r\nx\r\n0\r\nA: b\r\n\r\n", "x"),
            ("0000000000000001\r\nx\r\n0\r\n\r\n", "x"),
        ] {
            assert_eq!(chunked(input), Ok((data.into(), input.len())), "{input:?}");
        }
    }

    #[test]
    fn bad_chunked_bodies() {
        for (input, refusal) in [
            ("\r\n", Refusal::BadChunkSize),
            ("-1\r\n", Refusal::BadChunkSize),
            (" 1\r\n", Refusal::BadChunkSize),
            ("0x1\r\n", Refusal::BadChunkSize),
            ("1\n", Refusal::BareLf),
            ("1\rx", Refusal::BareCr),
            ("1 \r\n", Refusal::BadChunkExtension),
            ("1;\r\n", Refusal::BadChunkExtension),
            ("1;a=\r\n", Refusal::BadChunkExtension),
            ("1;a=\"b\r\n", Refusal::BadChunkExtension),
            ("1;a\n", Refusal::BareLf),
            ("1;a\rb", Refusal::BareCr),
            ("1;a\0\r\n", Refusal::BadChunkExtension),
            ("00000000000000001\r\n", Refusal::ChunkSizeOverflow),
            ("1\r\nxy\r\n", Refusal::BadChunkEnd),
            ("1\r\nx\n", Refusal::BadChunkEnd),
            ("1\r\nx\rx", Refusal::BadChunkEnd),
            ("0\r\nx\r\n", Refusal::BadTrailer),
            ("0\r\nA: b\n", Refusal::BareLf),
            ("0\r\nHost: b\r\n", Refusal::ForbiddenTrailer),
            ("0\r\n\rx", Refusal::BareCr),
            ("0\r\n\n", Refusal::BareLf),
            ("1\r\n", Refusal::Truncated),
        ] {
            assert_eq!(chunked(input), Err(refusal), "{input:?}");
        }
    }

    #[test]
    fn extension_limits_hold_for_a_chunk_and_for_the_body() {
        let limits =
            ChunkLimits { extension_bytes_max: 4, extension_total_max: 6, ..Default::default() };
        let outcome = |input: &[u8]| {
            drain(&mut BodyDecoder::with_limits(BodyLength::Chunked, limits), input).2
        };
        assert_eq!(outcome(b"1;abc\r\n"), Ok(false));
        assert_eq!(outcome(b"1;abcd\r\n"), Err(Refusal::ChunkExtensionTooLong));
        assert_eq!(outcome(b"1;ab\r\nx\r\n1;ab\r\n"), Ok(false));
        assert_eq!(outcome(b"1;ab\r\nx\r\n1;abc\r\n"), Err(Refusal::ChunkExtensionTooLong));
    }

    #[test]
    fn trailers_are_there_at_the_end() {
        let mut decoder = BodyDecoder::new(BodyLength::Chunked);
        decoder.step(b"0\r\nA: b\r\n").unwrap();
        assert!(decoder.trailers().is_none());
        decoder.step(b"\r\n").unwrap();
        assert_eq!(decoder.trailers().unwrap().values_named(b"a").next(), Some(&b"b"[..]));
    }
}
