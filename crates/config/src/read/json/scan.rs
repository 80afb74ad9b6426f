//! JSON text into values that know their place.

use crate::model::{FileId, Span};
use crate::report::Diagnostic;
use crate::tree::{Value, Word};

/// How deep values may be nested; beyond it the text is refused.
const DEPTH_MAX: usize = 64;

/// A JSON value.
#[derive(Debug)]
pub(super) enum Json {
    Scalar(Value, Span),
    Array(Vec<Self>, Span),
    Object(Vec<Member>, Span),
}

/// A key of an object and its value. Keys may come twice; the table decides about that.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: Word,
    pub(super) value: Json,
}

impl Json {
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Scalar(_, span) | Self::Array(_, span) | Self::Object(_, span) => *span,
        }
    }
}

/// Reads a whole text (RFC 8259).
pub(super) fn scan(file: FileId, text: &str) -> Result<Json, Diagnostic> {
    let mut scanner = Scanner { file, text, at: 0 };
    let value = scanner.value(0)?;
    scanner.space();
    if scanner.at < text.len() {
        return Err(scanner.unexpected("the end"));
    }
    Ok(value)
}

struct Scanner<'a> {
    file: FileId,
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn span_from(&self, start: usize) -> Span {
        Span { file: self.file, start: start as u32, end: self.at as u32 }
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn take(&mut self, expected: char) -> bool {
        self.space();
        let taken = self.rest().starts_with(expected);
        self.at += usize::from(taken);
        taken
    }

    fn unexpected(&self, expected: &str) -> Diagnostic {
        let (found, length) = match self.rest().chars().next() {
            Some(c) => (format!("{c:?}"), c.len_utf8()),
            None => ("the end of the text".to_owned(), 0),
        };
        let start = self.at as u32;
        let span = Span { file: self.file, start, end: start + length as u32 };
        Diagnostic::error(
            span,
            format!("this is not valid JSON: expected {expected}, found {found}"),
        )
    }

    fn value(&mut self, depth: usize) -> Result<Json, Diagnostic> {
        self.space();
        let start = self.at;
        if depth > DEPTH_MAX {
            let message = format!("values are nested more than {DEPTH_MAX} deep");
            return Err(Diagnostic::error(self.span_from(start), message));
        }
        if self.take('{') {
            return self.object(start, depth);
        }
        if self.take('[') {
            return self.array(start, depth);
        }
        let value = self.scalar()?;
        Ok(Json::Scalar(value, self.span_from(start)))
    }

    fn object(&mut self, start: usize, depth: usize) -> Result<Json, Diagnostic> {
        let mut members = Vec::new();
        while !self.take('}') {
            if !members.is_empty() && !self.take(',') {
                return Err(self.unexpected("`,` or `}`"));
            }
            self.space();
            let start = self.at;
            if !self.rest().starts_with('"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let text = self.string()?;
            let key = Word { text, span: self.span_from(start) };
            if !self.take(':') {
                return Err(self.unexpected("`:`"));
            }
            let value = self.value(depth + 1)?;
            members.push(Member { key, value });
        }
        Ok(Json::Object(members, self.span_from(start)))
    }

    fn array(&mut self, start: usize, depth: usize) -> Result<Json, Diagnostic> {
        let mut values = Vec::new();
        while !self.take(']') {
            if !values.is_empty() && !self.take(',') {
                return Err(self.unexpected("`,` or `]`"));
            }
            values.push(self.value(depth + 1)?);
        }
        Ok(Json::Array(values, self.span_from(start)))
    }

    fn scalar(&mut self) -> Result<Value, Diagnostic> {
        let words =
            [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)];
        for (word, value) in words {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        match self.rest().bytes().next() {
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn number(&mut self) -> Result<Value, Diagnostic> {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
        let text = &rest[..length.unwrap_or(rest.len())];
        let whole = text.parse().ok().map(Value::Integer);
        let value = match serde_json::from_str::<f64>(text) {
            Ok(float) => whole.unwrap_or(Value::Float(float)),
            Err(_) => return Err(self.unexpected("a number")),
        };
        self.at += text.len();
        Ok(value)
    }

    fn string(&mut self) -> Result<String, Diagnostic> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        });
        let start = self.at as u32;
        let here = Span { file: self.file, start, end: start + 1 };
        let Some((end, _)) = end else {
            return Err(Diagnostic::error(here, "this string is never closed"));
        };
        let Ok(text) = serde_json::from_str(&rest[..=end]) else {
            let here = Span { end: start + end as u32 + 1, ..here };
            return Err(Diagnostic::error(here, "this is not a valid JSON string"));
        };
        self.at += end + 1;
        Ok(text)
    }
}
