//! Error pages.

use std::fs;

use super::headers::plain_value;
use super::{Context, Text};
use crate::check::Item;
use crate::model::{ErrorPage, ErrorPageBody};
use crate::report::Diagnostic;

pub(super) fn error_page(item: &Item, context: &mut Context) -> Option<ErrorPage> {
    let statuses: Vec<u16> =
        item.arg_integers("status").filter_map(|(status, _)| u16::try_from(status).ok()).collect();
    let (body, guess) = match (item.prop("file"), item.prop("body")) {
        (Some(file), None) => (page_file(file, context)?, content_type(file.text)),
        (None, Some(body)) => (ErrorPageBody::Text(body.text.to_owned()), HTML),
        (Some(_), Some(body)) => {
            context.error(Diagnostic::error(
                body.span,
                "an error page has a `file` or a `body`, not both",
            ));
            return None;
        }
        (None, None) => {
            if item.whole {
                context.error(
                    Diagnostic::error(item.span, "an error page needs a `file` or a `body`")
                        .help("for example: error-page 502 503 file=\"errors/sorry.html\""),
                );
            }
            return None;
        }
    };
    let written = item.prop("type").filter(|ty| plain_value(ty.text, ty.span, context));
    let content_type = written.map_or(guess, |ty| ty.text).to_owned();
    Some(ErrorPage { statuses, body, content_type, span: item.span })
}

fn page_file(file: Text<'_>, context: &mut Context) -> Option<ErrorPageBody> {
    let path = context.beside(file);
    let reason = match fs::metadata(&path) {
        Ok(found) if found.is_file() => return Some(ErrorPageBody::File(path)),
        Ok(_) => "it is not a file".to_owned(),
        Err(error) => crate::read::reason(&error),
    };
    let message = format!("cannot read {:?}: {reason}", path.display().to_string());
    context.error(Diagnostic::error(file.span, message));
    None
}

const HTML: &str = "text/html; charset=utf-8";

fn content_type(file: &str) -> &'static str {
    let extension = file.rsplit('.').next().unwrap_or("").to_ascii_lowercase();
    match extension.as_str() {
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        _ => HTML,
    }
}
