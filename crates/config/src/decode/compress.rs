//! What is compressed, and how.

use super::headers::is_token_char;
use super::{Context, Text};
use crate::check::Item;
use crate::model::{Coding, Compress, MediaPattern, SubtypePattern};
use crate::report::Diagnostic;

/// What is worth it where nothing is said. What is compressed by its nature is not here: images
/// but for the plain ones, audio, video, archives, WOFF.
const TYPES: [&str; 25] = [
    "text/*",
    "*/*+json",
    "*/*+xml",
    "*/*+text",
    "*/*+yaml",
    "application/json",
    "application/x-ndjson",
    "application/jsonl",
    "application/javascript",
    "application/x-javascript",
    "application/ecmascript",
    "application/xml",
    "application/xml-dtd",
    "application/yaml",
    "application/toml",
    "application/rtf",
    "application/sql",
    "application/graphql",
    "application/wasm",
    "application/vnd.ms-fontobject",
    "font/ttf",
    "font/otf",
    "font/collection",
    "image/bmp",
    "image/vnd.microsoft.icon",
];

const SIZE_BYTES_MIN: u64 = 1 << 10;
const ZSTD_LEVEL: u8 = 3;
const BR_LEVEL: u8 = 4;
const GZIP_LEVEL: u8 = 5;

/// The compression of a route or a site: nothing where it says nothing, `Some(None)` where it
/// says that there is none.
pub(super) fn compress(item: &Item, context: &mut Context) -> Option<Option<Compress>> {
    let item = item.first("compress")?;
    let compress = Compress {
        codings: codings(item, context),
        types: types(item, context),
        size_bytes_min: item.size("size-min").unwrap_or(SIZE_BYTES_MIN),
        zstd_level: item.integer("zstd-level").unwrap_or(ZSTD_LEVEL),
        br_level: item.integer("br-level").unwrap_or(BR_LEVEL),
        gzip_level: item.integer("gzip-level").unwrap_or(GZIP_LEVEL),
        span: item.span,
    };
    Some((item.bool("enabled") != Some(false)).then_some(compress))
}

fn codings(item: &Item, context: &mut Context) -> Vec<Coding> {
    let mut codings = Vec::new();
    for name in item.arg_texts("coding") {
        let Some(coding) = Coding::ALL.into_iter().find(|coding| coding.name() == name.text) else {
            continue;
        };
        if codings.contains(&coding) {
            let message = format!("`{}` is there twice", name.text);
            context.error(Diagnostic::error(name.span, message).help("the first one counts"));
        } else {
            codings.push(coding);
        }
    }
    if codings.is_empty() { Coding::ALL.to_vec() } else { codings }
}

fn types(item: &Item, context: &mut Context) -> Vec<MediaPattern> {
    let written: Vec<_> = item.prop_texts("types").collect();
    if written.is_empty() {
        return TYPES.into_iter().filter_map(media_pattern).collect();
    }
    written.into_iter().filter_map(|text| checked_pattern(text, context)).collect()
}

fn checked_pattern(text: Text<'_>, context: &mut Context) -> Option<MediaPattern> {
    let pattern = media_pattern(text.text);
    if pattern.is_none() {
        let message = format!("{:?} is not a media type", text.text);
        let help = "write \"text/html\", \"text/*\" or \"application/*+json\", without parameters";
        context.error(Diagnostic::error(text.span, message).help(help));
    }
    pattern
}

fn media_pattern(text: &str) -> Option<MediaPattern> {
    let text = text.to_ascii_lowercase();
    let (kind, subtype) = text.split_once('/')?;
    let is_token =
        |part: &str| !part.is_empty() && part.chars().all(|c| is_token_char(c) && c != '*');
    let kind = match kind {
        "*" => None,
        kind if is_token(kind) => Some(kind.to_owned()),
        _ => return None,
    };
    let subtype = match subtype.strip_prefix('*') {
        Some("") => SubtypePattern::Any,
        Some(suffix) if suffix.len() > 1 && suffix.starts_with('+') && is_token(suffix) => {
            SubtypePattern::Suffix(suffix.to_owned())
        }
        None if is_token(subtype) => SubtypePattern::Exact(subtype.to_owned()),
        _ => return None,
    };
    Some(MediaPattern { kind, subtype })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_types_are_patterns() {
        assert!(TYPES.into_iter().all(|text| media_pattern(text).is_some()));
    }

    #[test]
    fn patterns_and_what_is_none() {
        let pattern = media_pattern("Text/HTML").unwrap();
        assert_eq!(pattern.kind.as_deref(), Some("text"));
        assert_eq!(pattern.subtype, SubtypePattern::Exact("html".to_owned()));
        let suffix = SubtypePattern::Suffix("+json".to_owned());
        assert_eq!(media_pattern("*/*+json"), Some(MediaPattern { kind: None, subtype: suffix }));
        for bad in [
            "",
            "text",
            "text/",
            "/html",
            "text/html; charset=x",
            "te*t/html",
            "text/h*",
            "text/*+",
            "text/*json",
            "a/b/c",
        ] {
            assert_eq!(media_pattern(bad), None, "{bad}");
        }
    }
}
