//! Field names, values, and edits of fields.

use super::template::{self, Scope};
use super::{Context, Text};
use crate::check::Item;
use crate::model::{HeaderOp, Span, Template, TemplateSegment};
use crate::report::Diagnostic;

/// Fields that decide about framing or the connection, which are Weir's alone.
const FRAMING: [&str; 8] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
];

/// The edits of `request-headers` or `response-headers`, in order.
pub(super) fn edits(item: &Item, scope: &Scope<'_>, context: &mut Context) -> Vec<HeaderOp> {
    item.items.iter().flat_map(|edit| self::edit(edit, scope, context)).collect()
}

fn edit(item: &Item, scope: &Scope<'_>, context: &mut Context) -> Vec<HeaderOp> {
    let names: Vec<_> = item.arg_texts("name").collect();
    let names = names.into_iter().filter_map(|name| editable(name, context));
    let names: Vec<_> = names.collect();
    if item.spec.name == "remove" {
        return names.into_iter().map(|name| HeaderOp::Remove { name }).collect();
    }
    let value = item.arg("value").and_then(|value| field_value(value, scope, context));
    let (Some(name), Some(value)) = (names.into_iter().next(), value) else {
        return Vec::new();
    };
    vec![match item.spec.name {
        "set" => HeaderOp::Set { name, value },
        _ => HeaderOp::Add { name, value },
    }]
}

/// A field name that the user may edit.
pub(super) fn editable(text: Text<'_>, context: &mut Context) -> Option<String> {
    let name = field_name(text, context)?;
    let lower = name.to_ascii_lowercase();
    let refuse =
        |help: &str| Diagnostic::error(text.span, format!("`{name}` cannot be edited")).help(help);
    if lower == "host" {
        context.error(refuse("the host sent on is chosen with proxy \"...\" { host \"...\" }"));
        return None;
    }
    if FRAMING.contains(&lower.as_str()) {
        context.error(refuse("Weir writes the framing and connection fields itself"));
        return None;
    }
    Some(name)
}

/// A valid field name (RFC 9110 §5.1), in the case it is written in.
pub(super) fn field_name(text: Text<'_>, context: &mut Context) -> Option<String> {
    let bad = text.text.char_indices().find(|(_, c)| !is_token_char(*c));
    let found = match bad {
        None if !text.text.is_empty() => return Some(text.text.to_owned()),
        None => Diagnostic::error(text.span, "a field name is missing"),
        Some((at, c)) => {
            let span = context.inside(text, at, c.len_utf8());
            let message = format!("{:?} is not a field name", text.text);
            Diagnostic::error(span, message).label(format!("{c:?} cannot be part of it"))
        }
    };
    context.error(found);
    None
}

fn field_value(text: Text<'_>, scope: &Scope<'_>, context: &mut Context) -> Option<Template> {
    let template = template::parse(text, scope, context)?;
    let literals = template.segments.iter().filter_map(|segment| match segment {
        TemplateSegment::Literal(literal) => Some(literal.as_str()),
        TemplateSegment::Placeholder(_) => None,
    });
    let literals: Vec<_> = literals.collect();
    plain_value(&literals.concat(), text.span, context).then_some(template)
}

/// Whether a text can be a field value (RFC 9110 §5.5); says why if it cannot.
pub(super) fn plain_value(value: &str, span: Span, context: &mut Context) -> bool {
    let Some(bad) = value.chars().find(|c| c.is_control() && *c != '\t') else {
        return true;
    };
    let message = format!("{bad:?} cannot be part of a field value");
    context.error(
        Diagnostic::error(span, message).help("a value is one line, without control characters"),
    );
    false
}

/// Whether a character may be in a token (RFC 9110 §5.6.2).
pub(super) fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}
