//! Access logs and their formats.

use super::template::{Piece, pieces};
use super::{Context, Text};
use crate::check::Item;
use crate::model::{AccessLog, LogField, LogFormat, LogSegment, LogTarget, Span};
use crate::report::Diagnostic;
use crate::suggest::{nearest, one_of};

const FIELDS: [(&str, LogField); 20] = [
    ("time", LogField::Time),
    ("client", LogField::Client),
    ("method", LogField::Method),
    ("path", LogField::Path),
    ("query", LogField::Query),
    ("uri", LogField::Uri),
    ("host", LogField::Host),
    ("protocol", LogField::Protocol),
    ("status", LogField::Status),
    ("bytes_in", LogField::BytesIn),
    ("bytes_out", LogField::BytesOut),
    ("duration_ms", LogField::DurationMs),
    ("upstream", LogField::Upstream),
    ("server", LogField::Server),
    ("route", LogField::Route),
    ("request_id", LogField::RequestId),
    ("reason", LogField::Reason),
    ("cache", LogField::Cache),
    ("referer", LogField::Referer),
    ("user_agent", LogField::UserAgent),
];

pub(super) fn access_log(item: &Item, context: &mut Context) -> Option<AccessLog> {
    let target = item.arg("target")?;
    let target = match target.text {
        "" => {
            context.error(Diagnostic::error(target.span, "the path of a file is missing"));
            return None;
        }
        "stdout" => LogTarget::Stdout,
        "stderr" => LogTarget::Stderr,
        _ => LogTarget::File(context.beside(target)),
    };
    let format = match item.prop("format") {
        Some(text) => log_format(text, context)?,
        None => LogFormat::Json,
    };
    Some(AccessLog { target, format, span: item.span })
}

fn log_format(text: Text<'_>, context: &mut Context) -> Option<LogFormat> {
    match text.text {
        "json" => return Some(LogFormat::Json),
        "combined" => return Some(LogFormat::Combined),
        word if !word.contains('{') => {
            let help = match nearest(word, ["json", "combined"]) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "a format of your own has placeholders: \"{method} {path}\"".to_owned(),
            };
            let message = format!("unknown format {word:?}");
            context.error(Diagnostic::error(text.span, message).help(help));
            return None;
        }
        _ => {}
    }
    let before = context.found.len();
    let mut segments: Vec<LogSegment> = Vec::new();
    for piece in pieces(text, context)? {
        match piece {
            Piece::Literal(literal) => match segments.last_mut() {
                Some(LogSegment::Literal(last)) => last.push_str(literal),
                _ => segments.push(LogSegment::Literal(literal.to_owned())),
            },
            Piece::Name(name, at) => match field(name) {
                Some(field) => segments.push(LogSegment::Field(field)),
                None => {
                    let span = context.inside(text, at, name.len());
                    context.error(unknown(name, span));
                }
            },
        }
    }
    (context.found.len() == before).then_some(LogFormat::Custom(segments))
}

fn field(name: &str) -> Option<LogField> {
    if let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) {
        return Some(field.clone());
    }
    let header = name.strip_prefix("header.").filter(|header| !header.is_empty())?;
    Some(LogField::Header(header.to_ascii_lowercase()))
}

fn unknown(name: &str, span: Span) -> Diagnostic {
    let known = FIELDS.iter().map(|(name, _)| *name).chain(["header.NAME"]);
    let help = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{{{near}}}`?"),
        None => format!("there are {}", one_of(known)),
    };
    Diagnostic::error(span, format!("unknown log placeholder `{{{name}}}`")).help(help)
}
