//! Decodes the chunked transfer coding (RFC 9112 §7.1) one octet of framing at a time.
//!
//! All that is known is kept as state, never as bytes to look at again, so it does not matter how
//! the input is cut. Chunk extensions are checked against their grammar and dropped.

use crate::octets::is_token;
use crate::trailers::Trailers;
use crate::{Headers, Refusal, Step};

/// What the framing of a chunked body may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Bytes of extensions on one chunk.
    pub extension_bytes_max: u32,
    /// Bytes of extensions in the whole body.
    pub extension_total_max: u32,
    /// Bytes of the trailer section, without line ends.
    pub trailer_bytes_max: u32,
    /// Number of trailer fields.
    pub trailers_max: u32,
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self {
            extension_bytes_max: 256,
            extension_total_max: 16 * 1024,
            trailer_bytes_max: 8 * 1024,
            trailers_max: 64,
        }
    }
}

/// The most hexadecimal digits of a chunk size; as many as 64 bits have.
const SIZE_DIGITS_MAX: u8 = 16;

/// What the next octet is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    /// White space after the size or after an extension: only another extension may follow.
    BeforeExtension,
    ExtensionStart,
    ExtensionName,
    /// White space after an extension's name: its value or another extension may follow.
    AfterName,
    ValueStart,
    ValueToken,
    ValueQuoted,
    ValueEscape,
    ValueEnd,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    LastLf,
    Ended,
}

/// The state of one chunked body.
#[derive(Debug)]
pub(crate) struct Chunked {
    /// The size read so far, then the data bytes that are left of the chunk.
    remaining: u64,
    trailers: Option<Box<Trailers>>,
    limits: ChunkLimits,
    extension_bytes: u32,
    extension_total: u32,
    digits: u8,
    state: State,
}

impl Chunked {
    pub(crate) fn new(limits: ChunkLimits) -> Self {
        Self {
            remaining: 0,
            trailers: None,
            limits,
            extension_bytes: 0,
            extension_total: 0,
            digits: 0,
            state: State::Size,
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    pub(crate) fn trailers(&self) -> Option<&Headers> {
        self.trailers.as_deref().filter(|_| self.is_ended()).map(Trailers::headers)
    }

    /// Takes framing up to and behind one run of data. A fault behind data is left for the next
    /// step, so that the data before it is delivered however the input was cut.
    pub(crate) fn step(&mut self, input: &[u8]) -> Result<Step, Refusal> {
        let mut at = 0;
        let mut data = 0..0;
        while let Some(octet) = input.get(at) {
            if self.state == State::Data {
                if !data.is_empty() {
                    break;
                }
                data = at..at + self.take(input.len() - at);
                at = data.end;
                continue;
            }
            match self.frame(*octet) {
                Ok(state) => self.state = state,
                Err(refusal) if data.is_empty() => return Err(refusal),
                Err(_) => break,
            }
            at += 1;
            if self.is_ended() {
                break;
            }
        }
        Ok(Step { consumed: at, data, ended: self.is_ended() })
    }

    /// Takes up to `available` bytes of data off the chunk.
    fn take(&mut self, available: usize) -> usize {
        let len = usize::try_from(self.remaining).map_or(available, |left| left.min(available));
        self.remaining -= len as u64;
        if self.remaining == 0 {
            self.state = State::DataCr;
        }
        len
    }

    /// The state after an octet of framing.
    fn frame(&mut self, octet: u8) -> Result<State, Refusal> {
        match (self.state, octet) {
            (State::Size, _) => self.size(octet),
            (State::SizeLf, b'\n') if self.remaining == 0 => Ok(State::TrailerStart),
            (State::SizeLf, b'\n') => Ok(State::Data),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => {
                self.digits = 0;
                self.extension_bytes = 0;
                Ok(State::Size)
            }
            (State::DataCr | State::DataLf, _) => Err(Refusal::BadChunkEnd),
            (State::LastLf, b'\n') => Ok(State::Ended),
            (State::SizeLf | State::LastLf, _) => Err(Refusal::BareCr),
            (State::TrailerStart | State::Trailer | State::TrailerLf, _) => self.trailer(octet),
            (State::Data | State::Ended, _) => Ok(self.state),
            _ => self.extension(octet),
        }
    }

    fn size(&mut self, octet: u8) -> Result<State, Refusal> {
        let digit = match octet {
            b'0'..=b'9' => octet - b'0',
            b'a'..=b'f' => octet - b'a' + 10,
            b'A'..=b'F' => octet - b'A' + 10,
            b'\n' => return Err(Refusal::BareLf),
            _ if self.digits == 0 => return Err(Refusal::BadChunkSize),
            b'\r' => return Ok(State::SizeLf),
            b';' | b' ' | b'\t' => {
                self.state = State::BeforeExtension;
                return self.extension(octet);
            }
            _ => return Err(Refusal::BadChunkSize),
        };
        if self.digits == SIZE_DIGITS_MAX {
            return Err(Refusal::ChunkSizeOverflow);
        }
        self.digits += 1;
        self.remaining = self.remaining << 4 | u64::from(digit);
        Ok(State::Size)
    }

    fn extension(&mut self, octet: u8) -> Result<State, Refusal> {
        if octet == b'\n' {
            return Err(Refusal::BareLf);
        }
        if octet == b'\r' && self.may_end_line() {
            return Ok(State::SizeLf);
        }
        let state = after_extension_octet(self.state, octet).ok_or(Refusal::BadChunkExtension)?;
        self.extension_bytes = self.extension_bytes.saturating_add(1);
        self.extension_total = self.extension_total.saturating_add(1);
        if self.extension_bytes > self.limits.extension_bytes_max
            || self.extension_total > self.limits.extension_total_max
        {
            return Err(Refusal::ChunkExtensionTooLong);
        }
        Ok(state)
    }

    fn may_end_line(&self) -> bool {
        matches!(self.state, State::ExtensionName | State::ValueToken | State::ValueEnd)
    }

    fn trailer(&mut self, octet: u8) -> Result<State, Refusal> {
        match (self.state, octet) {
            (State::TrailerStart, b'\r') => return Ok(State::LastLf),
            (State::Trailer, b'\r') => return Ok(State::TrailerLf),
            (State::TrailerStart | State::Trailer, b'\n') => return Err(Refusal::BareLf),
            (State::TrailerLf, b'\n') => {
                self.trailers.get_or_insert_default().end_line(&self.limits)?;
                return Ok(State::TrailerStart);
            }
            (State::TrailerLf, _) => return Err(Refusal::BareCr),
            _ => {}
        }
        self.trailers.get_or_insert_default().push(octet, &self.limits)?;
        Ok(State::Trailer)
    }
}

/// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )` of RFC 9112 §7.1.1.
fn after_extension_octet(state: State, octet: u8) -> Option<State> {
    let blank = matches!(octet, b' ' | b'\t');
    let token = is_token(octet);
    Some(match (state, octet) {
        (State::BeforeExtension | State::ValueEnd, _) if blank => State::BeforeExtension,
        (State::ExtensionStart | State::AfterName | State::ValueStart, _) if blank => state,
        (State::ExtensionStart | State::ExtensionName, _) if token => State::ExtensionName,
        (State::ExtensionName, _) if blank => State::AfterName,
        (State::ExtensionName | State::AfterName, b'=') => State::ValueStart,
        (State::ValueStart, b'"') => State::ValueQuoted,
        (State::ValueStart | State::ValueToken, _) if token => State::ValueToken,
        (State::ValueToken, _) if blank => State::BeforeExtension,
        (State::ValueQuoted, b'"') => State::ValueEnd,
        (State::ValueQuoted, b'\\') => State::ValueEscape,
        (State::ValueQuoted | State::ValueEscape, _) if crate::octets::is_value(octet) => {
            State::ValueQuoted
        }
        (
            State::BeforeExtension
            | State::ExtensionName
            | State::AfterName
            | State::ValueToken
            | State::ValueEnd,
            b';',
        ) => State::ExtensionStart,
        _ => return None,
    })
}
