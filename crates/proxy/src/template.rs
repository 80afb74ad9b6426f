//! Text with placeholders, filled in for one exchange. Names were resolved when the
//! configuration was compiled; here is only copying.

use config::{Placeholder, TemplateSegment, TlsValue};

use crate::exchange::Exchange;
use crate::io::Peer;
use crate::parts;

/// A compiled template.
#[derive(Clone, Debug)]
pub struct Template {
    segments: Box<[TemplateSegment]>,
}

/// Where the text is going, which decides what must be escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A field value: controls are percent-encoded, so nothing can end the line.
    Field,
    /// A request target or a `Location`: what cannot stand in a URI is percent-encoded.
    Target,
}

impl Template {
    /// Compiles.
    #[must_use]
    pub fn compile(template: &config::Template) -> Self {
        Self { segments: template.segments.clone().into_boxed_slice() }
    }

    /// Appends the text for this exchange. `status` is the response's, where there is one.
    pub fn render(&self, exchange: &Exchange, status: u16, place: Place, out: &mut Vec<u8>) {
        for segment in &self.segments {
            match segment {
                TemplateSegment::Literal(text) => out.extend_from_slice(text.as_bytes()),
                TemplateSegment::Placeholder(Placeholder::Status) => {
                    out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
                }
                TemplateSegment::Placeholder(placeholder) => {
                    fill(placeholder, exchange, &mut Escaped { place, out });
                }
            }
        }
    }
}

fn fill(placeholder: &Placeholder, exchange: &Exchange, out: &mut Escaped<'_>) {
    let target = exchange.target_received();
    let (path, query) = split(target);
    let headers = &exchange.request.headers;
    match placeholder {
        Placeholder::Path => out.uri(path),
        Placeholder::PathRest => out.uri(slice(exchange.path(), exchange.captures.rest())),
        Placeholder::Query => out.uri(query),
        Placeholder::Uri => out.uri(target),
        Placeholder::Method => out.value(exchange.request.method.as_str().as_bytes()),
        Placeholder::Host => out.uri(exchange.request.host()),
        Placeholder::Scheme => out.uri(exchange.client.scheme.as_bytes()),
        Placeholder::ClientIp => client_ip(exchange, out),
        Placeholder::RequestId => out.value(exchange.request_id.as_bytes()),
        Placeholder::UpstreamName => out.value(exchange.upstream_name().as_bytes()),
        Placeholder::Status => {}
        Placeholder::Header(name) => {
            out.value(headers.values_named(name.as_bytes()).next().unwrap_or_default());
        }
        Placeholder::Cookie(name) => {
            out.value(parts::cookie(headers, name.as_bytes()).unwrap_or_default());
        }
        Placeholder::QueryValue(name) => {
            if let Some(value) = parts::parameter(query, name.as_bytes()) {
                out.value(&percent_decode(value));
            }
        }
        Placeholder::Capture(group) => {
            let range = exchange.captures.group(*group).unwrap_or_default();
            out.uri(slice(exchange.path(), range));
        }
        Placeholder::Tls(which) => out.value(tls_value(exchange, *which).unwrap_or_default()),
    }
}

/// Appends values so that they cannot break out of their place.
struct Escaped<'a> {
    place: Place,
    out: &'a mut Vec<u8>,
}

impl Escaped<'_> {
    /// A part of a URI, which is encoded already.
    fn uri(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.push(*byte, byte.is_ascii_graphic()));
    }

    /// Free text.
    fn value(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let safe = match self.place {
                Place::Field => *byte >= b' ' && *byte != 0x7f,
                Place::Target => byte.is_ascii_alphanumeric() || b"-._~".contains(byte),
            };
            self.push(*byte, safe);
        }
    }

    fn push(&mut self, byte: u8, safe: bool) {
        if safe {
            self.out.push(byte);
            return;
        }
        let digit = |nibble: u8| b"0123456789ABCDEF".get(usize::from(nibble)).copied();
        self.out.push(b'%');
        self.out.extend(digit(byte >> 4));
        self.out.extend(digit(byte & 0xf));
    }
}

/// What is known of the client's encryption; none where the connection is in the clear.
fn tls_value(exchange: &Exchange, which: TlsValue) -> Option<&[u8]> {
    let facts = exchange.tls.as_ref()?;
    let text = match which {
        TlsValue::Version => Some(facts.version),
        TlsValue::Cipher => Some(facts.cipher),
        TlsValue::ServerName => facts.server_name.as_deref(),
        TlsValue::Alpn => facts.alpn,
        TlsValue::ClientSubject => Some(facts.identity.as_ref()?.subject.as_str()),
        TlsValue::ClientFingerprint => Some(facts.identity.as_ref()?.fingerprint.as_str()),
        TlsValue::ClientSerial => Some(facts.identity.as_ref()?.serial.as_str()),
    };
    text.map(str::as_bytes)
}

fn client_ip(exchange: &Exchange, out: &mut Escaped<'_>) {
    use std::io::Write;
    match exchange.client.peer {
        Peer::Unix if !exchange.client.trusted => out.value(b"unix"),
        // Writing to memory cannot fail.
        _ => drop(write!(out.out, "{}", exchange.client.address)),
    }
}

fn split(target: &[u8]) -> (&[u8], &[u8]) {
    let mark = memchr::memchr(b'?', target).unwrap_or(target.len());
    (target.get(..mark).unwrap_or_default(), target.get(mark + 1..).unwrap_or_default())
}

fn slice(bytes: &[u8], range: std::ops::Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = rest.get(1..3).and_then(|hex| std::str::from_utf8(hex).ok());
        let value = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, value) {
            (b'%', Some(value)) => {
                decoded.push(value);
                rest = rest.get(3..).unwrap_or_default();
            }
            (b'+', _) => {
                decoded.push(b' ');
                rest = tail;
            }
            _ => {
                decoded.push(byte);
                rest = tail;
            }
        }
    }
    decoded
}
