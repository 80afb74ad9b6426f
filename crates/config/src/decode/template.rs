//! Text with placeholders: `{name}` is filled in, `{{` and `}}` are braces.

use super::{Context, Text};
use crate::model::{Placeholder, Template, TemplateSegment, TlsValue};
use crate::report::Diagnostic;
use crate::suggest::{nearest, one_of};

/// Which placeholders a text may have beyond those that are always there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scope<'a> {
    /// Whether the response is there already.
    pub(super) response: bool,
    /// Whether the route is known to proxy.
    pub(super) upstream: bool,
    /// Names of the groups of the route's regular expression, by index; none of them all
    /// where the route's path is none.
    pub(super) captures: &'a [Option<String>],
}

/// One piece of a text with placeholders.
pub(super) enum Piece<'a> {
    Literal(&'a str),
    /// The name, and its offset in the text.
    Name(&'a str, usize),
}

const PLAIN: [(&str, Placeholder); 16] = [
    ("path", Placeholder::Path),
    ("path.rest", Placeholder::PathRest),
    ("query", Placeholder::Query),
    ("uri", Placeholder::Uri),
    ("method", Placeholder::Method),
    ("host", Placeholder::Host),
    ("scheme", Placeholder::Scheme),
    ("client.ip", Placeholder::ClientIp),
    ("request.id", Placeholder::RequestId),
    ("tls.version", Placeholder::Tls(TlsValue::Version)),
    ("tls.cipher", Placeholder::Tls(TlsValue::Cipher)),
    ("tls.sni", Placeholder::Tls(TlsValue::ServerName)),
    ("tls.alpn", Placeholder::Tls(TlsValue::Alpn)),
    ("tls.client.subject", Placeholder::Tls(TlsValue::ClientSubject)),
    ("tls.client.fingerprint", Placeholder::Tls(TlsValue::ClientFingerprint)),
    ("tls.client.serial", Placeholder::Tls(TlsValue::ClientSerial)),
];

/// Splits a text and checks every name; says what is wrong with all of them.
pub(super) fn parse(text: Text<'_>, scope: &Scope<'_>, context: &mut Context) -> Option<Template> {
    let pieces = pieces(text, context)?;
    let before = context.found.len();
    let mut segments = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => push_literal(&mut segments, literal),
            Piece::Name(name, at) => match placeholder(name, scope) {
                Ok(placeholder) => segments.push(TemplateSegment::Placeholder(placeholder)),
                Err(problem) => {
                    let span = context.inside(text, at, name.len());
                    context.error(problem.diagnostic(span, name, scope));
                }
            },
        }
    }
    (context.found.len() == before).then_some(Template { segments, span: text.span })
}

fn push_literal(segments: &mut Vec<TemplateSegment>, literal: &str) {
    match segments.last_mut() {
        Some(TemplateSegment::Literal(last)) => last.push_str(literal),
        _ => segments.push(TemplateSegment::Literal(literal.to_owned())),
    }
}

/// Splits a text at its placeholders.
pub(super) fn pieces<'a>(text: Text<'a>, context: &mut Context) -> Option<Vec<Piece<'a>>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = match rest.find(['{', '}']) {
            Some(0) => brace(rest, at, &mut pieces),
            Some(length) => literal(&rest[..length], &mut pieces),
            None => literal(rest, &mut pieces),
        };
        match length {
            Ok(length) => at += length,
            Err(message) => {
                let span = context.inside(text, at, 1);
                context.error(
                    Diagnostic::error(span, message)
                        .help("a brace that is meant as such is written twice: `{{` or `}}`"),
                );
                return None;
            }
        }
    }
    Some(pieces)
}

fn literal<'a>(text: &'a str, pieces: &mut Vec<Piece<'a>>) -> Result<usize, &'static str> {
    pieces.push(Piece::Literal(text));
    Ok(text.len())
}

/// Takes what starts with a brace, and says how long it is.
fn brace<'a>(rest: &'a str, at: usize, pieces: &mut Vec<Piece<'a>>) -> Result<usize, &'static str> {
    if rest.starts_with("{{") || rest.starts_with("}}") {
        pieces.push(Piece::Literal(&rest[..1]));
        return Ok(2);
    }
    if rest.starts_with('}') {
        return Err("this `}` closes nothing");
    }
    let end = rest.find('}').ok_or("this `{` is never closed")?;
    pieces.push(Piece::Name(&rest[1..end], at + 1));
    Ok(end + 1)
}

/// Why a name is no placeholder.
enum Problem {
    Unknown,
    ResponseOnly,
    ProxyOnly,
    NoName,
    NoGroup,
}

fn placeholder(name: &str, scope: &Scope<'_>) -> Result<Placeholder, Problem> {
    if let Some(index) = group(name, scope)? {
        return Ok(Placeholder::Capture(index));
    }
    if let Some((_, placeholder)) = PLAIN.iter().find(|(plain, _)| *plain == name) {
        return Ok(placeholder.clone());
    }
    match name {
        "status" if scope.response => return Ok(Placeholder::Status),
        "status" => return Err(Problem::ResponseOnly),
        "upstream.name" if scope.upstream => return Ok(Placeholder::UpstreamName),
        "upstream.name" => return Err(Problem::ProxyOnly),
        _ => {}
    }
    let (kind, field) = name.split_once('.').ok_or(Problem::Unknown)?;
    let make = match kind {
        "header" => |name: &str| Placeholder::Header(name.to_ascii_lowercase()),
        "cookie" => |name: &str| Placeholder::Cookie(name.to_owned()),
        "query" => |name: &str| Placeholder::QueryValue(name.to_owned()),
        _ => return Err(Problem::Unknown),
    };
    if field.is_empty() { Err(Problem::NoName) } else { Ok(make(field)) }
}

/// The index of a group of the route's regular expression, by name or number.
fn group(name: &str, scope: &Scope<'_>) -> Result<Option<usize>, Problem> {
    let named = scope.captures.iter().position(|group| group.as_deref() == Some(name));
    if named.is_some() || !name.bytes().all(|b| b.is_ascii_digit()) || name.is_empty() {
        return Ok(named);
    }
    let index = name.parse().ok().filter(|index| *index < scope.captures.len());
    index.map(Some).ok_or(Problem::NoGroup)
}

impl Problem {
    fn diagnostic(&self, span: crate::model::Span, name: &str, scope: &Scope<'_>) -> Diagnostic {
        let error = |message: String| Diagnostic::error(span, message);
        match self {
            Self::Unknown => {
                let known = known(scope);
                let known = known.iter().map(String::as_str);
                let help = match nearest(name, known.clone()) {
                    Some(near) => format!("did you mean `{{{near}}}`?"),
                    None => format!("there are {}", one_of(known)),
                };
                error(format!("unknown placeholder `{{{name}}}`")).help(help)
            }
            Self::ResponseOnly => error(format!("`{{{name}}}` is not known before the response"))
                .help("it can be used in response-headers"),
            Self::ProxyOnly => error(format!("`{{{name}}}` is known only where a route proxies")),
            Self::NoName => error(format!("`{{{name}}}` lacks the name after the dot")),
            Self::NoGroup if scope.captures.is_empty() => {
                error(format!("`{{{name}}}` is a group, but the route's path has none"))
                    .help("a path that starts with `~` is a regular expression")
            }
            Self::NoGroup => {
                let last = scope.captures.len() - 1;
                error(format!("the route's path has no group {name}, the last one is {last}"))
            }
        }
    }
}

fn known(scope: &Scope<'_>) -> Vec<String> {
    let mut known: Vec<_> = PLAIN.iter().map(|(name, _)| (*name).to_owned()).collect();
    known.extend(scope.upstream.then(|| "upstream.name".to_owned()));
    known.extend(scope.response.then(|| "status".to_owned()));
    known.extend(["header.NAME", "cookie.NAME", "query.NAME", "env.NAME"].map(str::to_owned));
    known.extend(scope.captures.iter().flatten().cloned());
    known
}
