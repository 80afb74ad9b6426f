//! KDL v2 text into a [`Node`] tree, and the parser's complaints into plain words.

use kdl::{KdlDiagnostic, KdlDocument, KdlEntry, KdlNode, KdlValue};

use crate::model::{FileId, Span};
use crate::report::Diagnostic;
use crate::tree::{Entry, Node, Value, Word};

/// Parses a text that is the content of `file`.
pub(super) fn parse(file: FileId, text: &str) -> Result<Vec<Node>, Vec<Diagnostic>> {
    match KdlDocument::parse_v2(text) {
        Ok(document) => {
            let mut found = Vec::new();
            let nodes = document.nodes().iter().map(|node| convert(file, node, &mut found));
            let nodes = nodes.collect();
            if found.is_empty() { Ok(nodes) } else { Err(found) }
        }
        Err(error) => Err(complaints(file, text, &error.diagnostics)),
    }
}

fn convert(file: FileId, node: &KdlNode, found: &mut Vec<Diagnostic>) -> Node {
    let name = word(file, node.name());
    if let Some(ty) = node.ty() {
        found.push(annotation(at(file, ty.span().offset(), ty.span().len())));
    }
    let entries: Vec<_> =
        node.entries().iter().map(|entry| convert_entry(file, entry, found)).collect();
    let end = entries.last().map_or(name.span.end, |entry| entry.span.end);
    let span = Span { end, ..name.span };
    let children = node.children();
    let block = children.map(|block| at(file, block.span().offset(), block.span().len()));
    let children = children.map_or(&[][..], KdlDocument::nodes);
    let children = children.iter().map(|child| convert(file, child, found)).collect();
    Node { name, entries, children, span, block }
}

fn convert_entry(file: FileId, entry: &KdlEntry, found: &mut Vec<Diagnostic>) -> Entry {
    if let Some(ty) = entry.ty() {
        found.push(annotation(at(file, ty.span().offset(), ty.span().len())));
    }
    let whole = at(file, entry.span().offset(), entry.span().len());
    let length = entry.format().map_or(0, |format| format.value_repr.len() as u32);
    let start = whole.end.saturating_sub(length).max(whole.start);
    let value = match entry.value() {
        KdlValue::String(text) => Value::Text(text.clone()),
        KdlValue::Integer(number) => Value::Integer(*number),
        KdlValue::Float(number) => Value::Float(*number),
        KdlValue::Bool(value) => Value::Bool(*value),
        KdlValue::Null => Value::Null,
    };
    let key = entry.name().map(|name| word(file, name));
    Entry { key, value, span: Span { start, ..whole } }
}

fn word(file: FileId, name: &kdl::KdlIdentifier) -> Word {
    Word { text: name.value().to_owned(), span: at(file, name.span().offset(), name.span().len()) }
}

fn at(file: FileId, offset: usize, length: usize) -> Span {
    Span { file, start: offset as u32, end: (offset + length) as u32 }
}

fn annotation(span: Span) -> Diagnostic {
    Diagnostic::error(span, "type annotations have no meaning here").help("remove it")
}

/// The parser's findings in our words. What only follows from an earlier one is dropped.
fn complaints(file: FileId, text: &str, found: &[KdlDiagnostic]) -> Vec<Diagnostic> {
    let mut all: Vec<Diagnostic> = Vec::new();
    let mut seen_lines = Vec::new();
    for one in found {
        let range = range_of(one);
        let span = at(file, range.start, range.len());
        let line = text.get(..range.start).map_or(0, |before| before.matches('\n').count());
        let kind = one.message.as_deref().unwrap_or("this is not valid KDL");
        let follows = kind.starts_with("Closing '}'") && !all.is_empty();
        if follows || seen_lines.contains(&line) {
            continue;
        }
        seen_lines.push(line);
        all.push(reword(span, text.get(range).unwrap_or(""), kind));
    }
    all
}

fn range_of(found: &KdlDiagnostic) -> std::ops::Range<usize> {
    found.span.offset()..found.span.offset() + found.span.len()
}

fn reword(span: Span, text: &str, kind: &str) -> Diagnostic {
    let error = |message: String| Diagnostic::error(span, message);
    match kind {
        "No closing '}' for child block" => error("this `{` is never closed".to_owned()),
        "Unexpected newline in single-line quoted string" => {
            error("this string is not closed on its line".to_owned())
                .help("a text of several lines is written between `\"\"\"` and `\"\"\"`")
        }
        "Expected end of document" if text == "}" => error("`}` without a `{`".to_owned()),
        "Expected end of document" if text == "=" => error("unexpected `=`".to_owned())
            .help("a setting is written `name value`, a property `node name=value`"),
        "Expected end of document" => error(format!("unexpected `{text}`")),
        "Expected identifier string" => bare_word(span, text),
        "Expected quoted string" => quoted(span, text),
        "Expected integer" if text.starts_with(|c: char| c.is_ascii_digit()) => {
            error(format!("`{text}` is not a number"))
                .help(format!("a value with a unit is a string: \"{text}\""))
        }
        "Expected keyword" => error(format!("unknown keyword `{text}`"))
            .help("the keywords are `#true`, `#false` and `#null`"),
        "Expected property value" => no_value(span, text),
        "Found invalid node name" => error(format!("`{text}` cannot be the name of a node")),
        other => error(lower_first(other)),
    }
}

/// The parser's place starts at the end of the last good thing; only the last word is meant.
fn no_value(span: Span, text: &str) -> Diagnostic {
    let word = text.trim_end().rsplit(char::is_whitespace).next().unwrap_or(text);
    let end = text.trim_end().len();
    let error = Diagnostic::error(
        span.part(end - word.len(), word.len()),
        format!("`{word}` lacks a valid value"),
    );
    let help = "the keywords are `#true`, `#false` and `#null`".to_owned();
    error.help_if(word.ends_with('#').then_some(help))
}

fn bare_word(span: Span, text: &str) -> Diagnostic {
    match text {
        "true" | "false" | "null" => {
            Diagnostic::error(span, format!("`{text}` must be written `#{text}`"))
        }
        _ => Diagnostic::error(span, format!("`{}` is not a valid word", text.escape_debug()))
            .help("put it in double quotes"),
    }
}

fn quoted(span: Span, text: &str) -> Diagnostic {
    let closed = text.len() > 1 && text.ends_with('"');
    let Some(at) = bad_escape(text).filter(|_| closed) else {
        return Diagnostic::error(span, "this string is never closed");
    };
    let escape: String = text[at..].chars().take(2).collect();
    Diagnostic::error(span.part(at, escape.len()), format!("unknown escape `{escape}`"))
        .help("a backslash is written `\\\\`; `#\"...\"#` has no escapes at all")
}

/// Offset of the first backslash that starts no escape of KDL.
fn bad_escape(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c != '\\' {
            continue;
        }
        let (_, next) = chars.next()?;
        if !r#"nrt\"bfsu"#.contains(next) && !next.is_whitespace() {
            return Some(at);
        }
    }
    None
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    first + chars.as_str()
}
