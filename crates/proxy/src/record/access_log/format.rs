//! A line's format, compiled to a flat list of pieces that is walked once an exchange.

use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

use super::dates::Dates;
use super::escape::{write_json, write_text};
use super::value::{Field, LogRecord, Value};

/// How a line looks, as asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line; what is absent is left out.
    #[default]
    Json,
    /// The combined format of older servers.
    Combined,
    /// Text and fields in the order given; what is absent is `-`.
    Custom(Vec<Segment>),
}

/// A part of a custom line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Text as it is. Control characters in it are escaped, so that a line stays a line.
    Literal(String),
    /// A value of the exchange.
    Field(Field),
}

/// A format ready for use.
#[derive(Clone, Debug)]
pub struct Format {
    pieces: Vec<Piece>,
    style: Style,
}

/// Bytes to copy, and the field that follows them.
#[derive(Clone, Debug)]
struct Piece {
    literal: Vec<u8>,
    field: Option<Field>,
}

#[derive(Clone, Copy, Debug)]
enum Style {
    Json,
    Text,
}

impl Format {
    /// Compiles a format.
    #[must_use]
    pub fn new(format: &LogFormat) -> Self {
        match format {
            LogFormat::Json => Self { pieces: json_pieces(), style: Style::Json },
            LogFormat::Combined => Self { pieces: pieces(&combined()), style: Style::Text },
            LogFormat::Custom(segments) => Self { pieces: pieces(segments), style: Style::Text },
        }
    }

    /// Appends one line with its line feed.
    pub(super) fn write(&self, record: &LogRecord<'_>, dates: &mut Dates, out: &mut Vec<u8>) {
        match self.style {
            Style::Json => self.write_json(record, dates, out),
            Style::Text => self.write_text(record, dates, out),
        }
        out.push(b'\n');
    }

    /// Every key brings its comma and the opening quote of its value; the first comma is then
    /// made the brace. There is a first, since `time` is never absent.
    fn write_json(&self, record: &LogRecord<'_>, dates: &mut Dates, out: &mut Vec<u8>) {
        let start = out.len();
        for piece in &self.pieces {
            let Some(field) = &piece.field else { continue };
            match field.of(record) {
                Value::Absent => continue,
                value @ (Value::Number(_) | Value::Millis(_)) => {
                    out.extend_from_slice(piece.literal.strip_suffix(b"\"").unwrap_or_default());
                    write_bare(value, dates, out);
                }
                Value::Text(bytes) => {
                    out.extend_from_slice(&piece.literal);
                    write_json(bytes, out);
                    out.push(b'"');
                }
                value => {
                    out.extend_from_slice(&piece.literal);
                    write_bare(value, dates, out);
                    out.push(b'"');
                }
            }
        }
        if let Some(comma) = out.get_mut(start) {
            *comma = b'{';
        }
        out.push(b'}');
    }

    fn write_text(&self, record: &LogRecord<'_>, dates: &mut Dates, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            out.extend_from_slice(&piece.literal);
            if let Some(field) = &piece.field {
                write_text_value(field.of(record), dates, out);
            }
        }
    }
}

fn write_text_value(value: Value<'_>, dates: &mut Dates, out: &mut Vec<u8>) {
    match value {
        Value::Text(bytes) => write_text(bytes, out),
        other => write_bare(other, dates, out),
    }
}

/// Writes the values whose text is ours and needs no escaping.
fn write_bare(value: Value<'_>, dates: &mut Dates, out: &mut Vec<u8>) {
    match value {
        Value::Absent | Value::Text(_) => out.push(b'-'),
        Value::Number(number) => write_number(number, out),
        Value::Millis(duration) => write_millis(duration, out),
        Value::Iso(unix_ns) => dates.write_iso(unix_ns, out),
        Value::Clf(unix_ns) => dates.write_clf(unix_ns, out),
        Value::Address(address) => write_address(address, out),
        // Writing to memory cannot fail.
        Value::Socket(address) => _ = write!(out, "{address}"),
    }
}

fn write_number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Milliseconds with three decimals, the finest that the workers' clock is good for.
fn write_millis(duration: Duration, out: &mut Vec<u8>) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    write_number(micros / 1_000, out);
    let rest = micros % 1_000;
    out.push(b'.');
    for digit in [rest / 100, rest / 10 % 10, rest % 10] {
        out.push(b'0' + digit as u8);
    }
}

fn write_address(address: IpAddr, out: &mut Vec<u8>) {
    let IpAddr::V4(v4) = address.to_canonical() else {
        _ = write!(out, "{address}");
        return;
    };
    for (at, octet) in v4.octets().into_iter().enumerate() {
        if at > 0 {
            out.push(b'.');
        }
        write_number(u64::from(octet), out);
    }
}

fn pieces(segments: &[Segment]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    for segment in segments {
        match segment {
            Segment::Literal(text) => write_literal(text, &mut literal),
            Segment::Field(field) => {
                let literal = std::mem::take(&mut literal);
                pieces.push(Piece { literal, field: Some(field.clone()) });
            }
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece { literal, field: None });
    }
    pieces
}

fn write_literal(text: &str, out: &mut Vec<u8>) {
    for char in text.chars() {
        match char {
            '\t' => out.push(b'\t'),
            control if control.is_control() => {
                write_text(control.encode_utf8(&mut [0; 4]).as_bytes(), out);
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

fn json_pieces() -> Vec<Piece> {
    let piece = |(name, field): (&str, Field)| Piece {
        literal: format!(",\"{name}\":\"").into_bytes(),
        field: Some(field),
    };
    JSON_FIELDS.into_iter().map(piece).collect()
}

/// The keys of a JSON line in their order.
pub(super) const JSON_FIELDS: [(&str, Field); 24] = [
    ("time", Field::Time),
    ("client", Field::Client),
    ("peer", Field::Peer),
    ("method", Field::Method),
    ("scheme", Field::Scheme),
    ("host", Field::Host),
    ("path", Field::Path),
    ("query", Field::Query),
    ("protocol", Field::Protocol),
    ("status", Field::Status),
    ("bytes_in", Field::BytesIn),
    ("bytes_out", Field::BytesOut),
    ("duration_ms", Field::DurationMs),
    ("route", Field::Route),
    ("upstream", Field::Upstream),
    ("server", Field::Server),
    ("attempts", Field::Attempts),
    ("connect_ms", Field::ConnectMs),
    ("first_byte_ms", Field::FirstByteMs),
    ("request_id", Field::RequestId),
    ("reason", Field::Reason),
    ("cache", Field::Cache),
    ("referer", Field::Referer),
    ("user_agent", Field::UserAgent),
];

fn combined() -> Vec<Segment> {
    let text = |text: &str| Segment::Literal(text.to_owned());
    vec![
        Segment::Field(Field::Client),
        text(" - - ["),
        Segment::Field(Field::TimeCombined),
        text("] \""),
        Segment::Field(Field::Method),
        text(" "),
        Segment::Field(Field::Uri),
        text(" "),
        Segment::Field(Field::Protocol),
        text("\" "),
        Segment::Field(Field::Status),
        text(" "),
        Segment::Field(Field::BytesOut),
        text(" \""),
        Segment::Field(Field::Referer),
        text("\" \""),
        Segment::Field(Field::UserAgent),
        text("\""),
    ]
}
