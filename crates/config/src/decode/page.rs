//! Error pages.

use super::Context;
use super::headers::plain_value;
use crate::check::Item;
use crate::model::{ErrorPage, ErrorPageBody};
use crate::report::Diagnostic;

pub(super) fn error_page(item: &Item, context: &mut Context) -> Option<ErrorPage> {
    let statuses: Vec<u16> =
        item.arg_integers("status").filter_map(|(status, _)| u16::try_from(status).ok()).collect();
    let (body, guess) = match (item.prop("file"), item.prop("body")) {
        (Some(file), None) => {
            (ErrorPageBody::File(context.readable(file)?), content_type(file.text))
        }
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
