//! `{env.NAME}` and `{env.NAME:default}` in string values, replaced as files are read.
//! `{{env.` is left alone.

use crate::check::item::Text;
use crate::decode::Context;
use crate::model::Span;
use crate::report::Diagnostic;
use crate::tree::{Node, Value};

/// Replaces variables in every string value; one that is not set and has no default is an
/// error.
pub(super) fn fill_in(nodes: &mut [Node], context: &mut Context) {
    for node in nodes {
        for entry in &mut node.entries {
            if let Value::Text(text) = &mut entry.value
                && text.contains("{env.")
            {
                *text = filled(text, entry.span, context);
            }
        }
        fill_in(&mut node.children, context);
    }
}

fn filled(text: &str, span: Span, context: &mut Context) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{env.") {
        let (before, from) = rest.split_at(at);
        result.push_str(before);
        let Some(end) = from.find('}') else { break };
        let braces = before.len() - before.trim_end_matches('{').len();
        if braces % 2 == 1 {
            result.push_str(&from[..=end]);
        } else {
            let start = text.len() - from.len();
            let span = context.inside(Text { text, span }, start, end + 1);
            result.push_str(&variable(&from[5..end], span, context));
        }
        rest = &from[end + 1..];
    }
    result + rest
}

fn variable(inside: &str, span: Span, context: &mut Context) -> String {
    let (name, default) = match inside.split_once(':') {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let value = (!name.is_empty() && !name.contains(['=', '\0'])).then(|| std::env::var(name));
    match (value, default) {
        (Some(Ok(value)), _) => value,
        (_, Some(default)) => default.to_owned(),
        _ => {
            context.error(
                Diagnostic::error(span, format!("the variable `{name}` is not set"))
                    .help(format!("a default is written {{env.{name}:default}}")),
            );
            String::new()
        }
    }
}
