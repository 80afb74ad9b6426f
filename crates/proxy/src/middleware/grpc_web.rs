//! `grpc-web`: browsers speak gRPC without trailers, origins with them.
//!
//! Binary messages go through as they are; the text form is Base64. The trailers of an answer
//! become its last message.

use std::ops::ControlFlow;

use http1::encode::Framing;
use http1::{Headers, Known};

use super::{Flow, Memo};
use crate::body::{Body, Filter};
use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Kind};
use crate::handshake_key::base64;

/// The flag of a message that holds trailers.
const TRAILERS: u8 = 0x80;

/// The translation of one route.
#[derive(Debug)]
pub struct GrpcWeb;

impl GrpcWeb {
    pub(super) fn compile(wanted: bool) -> Option<Self> {
        wanted.then_some(Self)
    }

    pub(super) fn request(&self, exchange: &mut Exchange) -> Flow {
        let media = exchange.request.headers.value(Known::ContentType).unwrap_or_default();
        let Some((text, suffix)) = read(media) else { return ControlFlow::Continue(Memo::None) };
        let media = [b"application/grpc", suffix].concat();
        exchange.request.headers.set_known(Known::ContentType, &media);
        exchange.request.headers.remove(Known::ContentLength);
        exchange.takes_trailers = true;
        if text {
            let body = std::mem::replace(&mut exchange.body, Body::Empty);
            exchange.body = Body::mapped(body, Box::new(Decode::default()));
            exchange.framing = Framing::Chunked;
        }
        ControlFlow::Continue(Memo::GrpcWeb { text })
    }

    pub(super) fn response(&self, memo: Memo, response: &mut Response) {
        let Memo::GrpcWeb { text } = memo else { return };
        let headers = &mut response.head.headers;
        let media = headers.value(Known::ContentType).unwrap_or_default();
        let Some(suffix) = media.strip_prefix(b"application/grpc").map(<[u8]>::to_vec) else {
            return;
        };
        let form: &[u8] = if text { b"application/grpc-web-text" } else { b"application/grpc-web" };
        headers.set_known(Known::ContentType, &[form, &suffix].concat());
        // An answer without messages has its status among its fields, where browsers see it too.
        if matches!(response.body, Body::Empty) {
            return;
        }
        let body = std::mem::replace(&mut response.body, Body::Empty);
        response.body = Body::mapped(body, Box::new(Encode { text }));
        response.declared_length = None;
    }
}

/// Whether a media type is gRPC-Web: its text form or not, and what follows (`+proto`).
fn read(media: &[u8]) -> Option<(bool, &[u8])> {
    let media = media.split(|byte| *byte == b';').next()?.trim_ascii();
    let rest = media.strip_prefix(b"application/grpc-web")?;
    let (text, suffix) = match rest.strip_prefix(b"-text") {
        Some(suffix) => (true, suffix),
        None => (false, rest),
    };
    (suffix.is_empty() || suffix.starts_with(b"+")).then_some((text, suffix))
}

/// The content is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Malformed;

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        Self::client(Kind::HttpRequestError)
    }
}

/// Answers towards browsers.
#[derive(Debug)]
struct Encode {
    text: bool,
}

impl Filter for Encode {
    fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.text {
            // Parts may be padded each by itself.
            out.extend_from_slice(&base64(data));
        } else {
            out.extend_from_slice(data);
        }
        Ok(())
    }

    fn finish(&mut self, trailers: Option<&Headers>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let Some(trailers) = trailers else { return Ok(()) };
        let mut text = Vec::new();
        for field in trailers.iter() {
            text.extend(field.name.to_ascii_lowercase());
            text.extend_from_slice(b": ");
            text.extend_from_slice(field.value);
            text.extend_from_slice(b"\r\n");
        }
        let length = u32::try_from(text.len()).map_err(|_| Malformed)?;
        let mut message = vec![TRAILERS];
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(&text);
        self.push(&message, out)
    }
}

/// The text form of requests: Base64, perhaps of several parts with padding of their own.
#[derive(Debug, Default)]
struct Decode {
    digits: [u8; 4],
    count: usize,
}

impl Filter for Decode {
    fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        for byte in data {
            if let Some(place) = self.digits.get_mut(self.count) {
                *place = *byte;
            }
            self.count += 1;
            if self.count == self.digits.len() {
                self.count = 0;
                decode(self.digits, out)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: Option<&Headers>, _: &mut Vec<u8>) -> Result<(), Fault> {
        if self.count == 0 { Ok(()) } else { Err(Malformed.into()) }
    }
}

/// Four digits into up to three bytes (RFC 4648 §4).
fn decode(digits: [u8; 4], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let padding = match digits {
        [b'=', ..] | [_, b'=', ..] => return Err(Malformed),
        [_, _, b'=', b'='] => 2,
        [_, _, b'=', _] => return Err(Malformed),
        [_, _, _, b'='] => 1,
        _ => 0,
    };
    let mut bits = 0_u32;
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => 0,
            _ => return Err(Malformed),
        };
        bits = bits << 6 | u32::from(value);
    }
    let [_, bytes @ ..] = bits.to_be_bytes();
    out.extend_from_slice(bytes.get(..3 - padding).unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        assert_eq!(read(b"application/grpc-web"), Some((false, &b""[..])));
        assert_eq!(read(b"application/grpc-web-text+proto; x=y"), Some((true, &b"+proto"[..])));
        for other in ["application/grpc", "application/grpc-webx", "text/plain", ""] {
            assert_eq!(read(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn text_of_several_padded_parts_however_it_is_cut() {
        let text = [base64(b"ab"), base64(b"c"), base64(b"def"), base64(&[0, 255])].concat();
        for size in 1..=text.len() {
            let mut filter = Decode::default();
            let mut out = Vec::new();
            for piece in text.chunks(size) {
                filter.push(piece, &mut out).unwrap();
            }
            filter.finish(None, &mut out).unwrap();
            assert_eq!(out, b"abcdef\0\xff");
        }
    }

    #[test]
    fn text_that_is_none() {
        for bad in ["a", "ab==c", "a===", "ab=c", "a b=", "ab\r\n", "===="] {
            let mut filter = Decode::default();
            let mut out = Vec::new();
            let pushed = filter.push(bad.as_bytes(), &mut out);
            assert!(pushed.and_then(|()| filter.finish(None, &mut out)).is_err(), "{bad}");
        }
    }

    #[test]
    fn trailers_become_the_last_message() {
        let mut trailers = Headers::default();
        trailers.push(b"Grpc-Status", b"0");
        let mut out = Vec::new();
        Encode { text: false }.finish(Some(&trailers), &mut out).unwrap();
        assert_eq!(out, b"\x80\0\0\0\x10grpc-status: 0\r\n");
        out.clear();
        Encode { text: false }.finish(None, &mut out).unwrap();
        assert!(out.is_empty());
    }
}
