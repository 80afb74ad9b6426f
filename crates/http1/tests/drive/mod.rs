//! Reads a stream of messages as a connection would: what was understood, and how it ended.
//!
//! The input comes in pieces, so that every test can also be run with its bytes cut anywhere.

#![allow(dead_code, unreachable_pub, reason = "each test crate takes what it needs")]

use weir_http1::{
    BodyDecoder, BodyLength, HeadLimits, HeadScanner, Headers, Method, Refusal, RequestHead,
    ResponseHead, request_length, response_length,
};

/// One message as it was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Message<H> {
    pub head: H,
    pub body: Vec<u8>,
    pub trailers: Option<Headers>,
}

/// How the input ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Between two messages.
    Clean,
    /// Inside a message.
    More,
    /// In a fault.
    Refused(Refusal),
}

/// The messages in order, and how it ended.
pub type Outcome<H> = (Vec<Message<H>>, End);

/// A head of either kind.
pub trait Head: Default + Clone {
    fn scanner() -> HeadScanner;
    fn parse(&mut self, head: &[u8], limits: &HeadLimits) -> Result<(), Refusal>;
    fn body_length(&self, method: Method) -> Result<BodyLength, Refusal>;
}

impl Head for RequestHead {
    fn scanner() -> HeadScanner {
        HeadScanner::new_request()
    }

    fn parse(&mut self, head: &[u8], limits: &HeadLimits) -> Result<(), Refusal> {
        Self::parse(self, head, limits)
    }

    fn body_length(&self, _: Method) -> Result<BodyLength, Refusal> {
        request_length(self)
    }
}

impl Head for ResponseHead {
    fn scanner() -> HeadScanner {
        HeadScanner::new_response()
    }

    fn parse(&mut self, head: &[u8], limits: &HeadLimits) -> Result<(), Refusal> {
        Self::parse(self, head, limits)
    }

    fn body_length(&self, method: Method) -> Result<BodyLength, Refusal> {
        response_length(method, self)
    }
}

/// One side of a connection that receives.
struct Reader<H> {
    method: Method,
    limits: HeadLimits,
    scanner: HeadScanner,
    current: Option<(Message<H>, BodyDecoder)>,
    done: Vec<Message<H>>,
    buffer: Vec<u8>,
}

/// Reads all messages of `pieces`. `method` is that of the requests that responses answer.
pub fn read<'a, H: Head>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    method: Method,
    limits: HeadLimits,
) -> Outcome<H> {
    let mut reader = Reader::<H> {
        method,
        limits,
        scanner: H::scanner(),
        current: None,
        done: Vec::new(),
        buffer: Vec::new(),
    };
    for piece in pieces {
        reader.buffer.extend_from_slice(piece);
        if let Err(refusal) = reader.advance() {
            return (reader.done, End::Refused(refusal));
        }
    }
    reader.finish()
}

/// Reads all messages of one input, under the default limits.
pub fn read_whole<H: Head>(input: &[u8], method: Method) -> Outcome<H> {
    read([input], method, HeadLimits::default())
}

impl<H: Head> Reader<H> {
    /// Goes as far as the buffer allows.
    fn advance(&mut self) -> Result<(), Refusal> {
        loop {
            let progress =
                if self.current.is_some() { self.advance_body()? } else { self.advance_head()? };
            if !progress {
                return Ok(());
            }
        }
    }

    fn advance_head(&mut self) -> Result<bool, Refusal> {
        if self.buffer.is_empty() {
            return Ok(false);
        }
        let Some(end) = self.scanner.find_end(&self.buffer, &self.limits)? else {
            return Ok(false);
        };
        let mut head = H::default();
        head.parse(&self.buffer[..end], &self.limits)?;
        let decoder = BodyDecoder::new(head.body_length(self.method)?);
        self.buffer.drain(..end);
        self.scanner = H::scanner();
        self.current = Some((Message { head, body: Vec::new(), trailers: None }, decoder));
        Ok(true)
    }

    fn advance_body(&mut self) -> Result<bool, Refusal> {
        let Some((message, decoder)) = &mut self.current else { return Ok(false) };
        let step = decoder.step(&self.buffer)?;
        assert!(step.data.end <= step.consumed && step.consumed <= self.buffer.len());
        assert!(step.ended || self.buffer.is_empty() || step.consumed > 0, "no progress");
        assert_eq!(step.ended, decoder.is_ended());
        message.body.extend_from_slice(&self.buffer[step.data]);
        self.buffer.drain(..step.consumed);
        if step.ended {
            message.trailers = decoder.trailers().cloned();
            self.done.extend(self.current.take().map(|(message, _)| message));
            return Ok(true);
        }
        Ok(step.consumed > 0)
    }

    /// The other side has closed.
    fn finish(mut self) -> Outcome<H> {
        if let Some((message, mut decoder)) = self.current.take() {
            let until_close = decoder.is_until_close();
            assert_eq!(decoder.on_eof().is_ok(), until_close);
            if until_close {
                self.done.push(message);
                return (self.done, End::Clean);
            }
            return (self.done, End::More);
        }
        let end = if self.buffer.is_empty() { End::Clean } else { End::More };
        (self.done, end)
    }
}
