//! One value against its type.

use crate::model::Span;
use crate::report::Diagnostic;
use crate::scalar;
use crate::schema::{Choice, Kind, Support};
use crate::suggest::did_you_mean;
use crate::tree::Value;

/// Whether the value is of that kind; if not, says why.
pub(super) fn check(kind: &Kind, value: &Value, span: Span, found: &mut Vec<Diagnostic>) -> bool {
    match mismatch(kind, value, span) {
        Some(diagnostic) => {
            found.push(diagnostic);
            false
        }
        None => true,
    }
}

fn mismatch(kind: &Kind, value: &Value, span: Span) -> Option<Diagnostic> {
    match (kind, value) {
        (Kind::Bool, Value::Bool(_)) => None,
        (Kind::Integer(min, max), Value::Integer(number)) => {
            let outside = number < min || number > max;
            outside.then(|| out_of_range(kind, *number, span))
        }
        (Kind::OneOf(numbers), Value::Integer(number)) => {
            (!numbers.contains(number)).then(|| out_of_range(kind, *number, span))
        }
        (Kind::Bool | Kind::Integer(..) | Kind::OneOf(_), other) => {
            Some(wrong_type(kind, other, span))
        }
        (Kind::Duration, Value::Text(text)) => scalar_error(kind, text, span, scalar::duration),
        (Kind::Size, Value::Text(text)) => scalar_error(kind, text, span, scalar::size),
        (Kind::ByteRate, Value::Text(text)) => scalar_error(kind, text, span, scalar::byte_rate),
        (Kind::Rate, Value::Text(text)) => scalar_error(kind, text, span, scalar::rate),
        (Kind::Choice(choices), Value::Text(word)) => choice(kind, choices, word, span),
        (Kind::Text | Kind::Form(_) | Kind::ChoiceOr(..), Value::Text(_)) => None,
        (_, other) => Some(wrong_type(kind, other, span)),
    }
}

fn out_of_range(kind: &Kind, number: i128, span: Span) -> Diagnostic {
    Diagnostic::error(span, format!("expected {}, found {number}", kind.expected()))
}

fn wrong_type(kind: &Kind, value: &Value, span: Span) -> Diagnostic {
    let message = format!("expected {}, found {}", kind.expected(), value.found());
    Diagnostic::error(span, message).help_if(other_spelling(kind, value))
}

/// How the same thing would be written in the right type, where that can be guessed.
fn other_spelling(kind: &Kind, value: &Value) -> Option<String> {
    match (kind, value) {
        (Kind::Integer(..) | Kind::OneOf(_), Value::Text(text)) => {
            let number: i128 = text.parse().ok()?;
            Some(format!("write it without quotes: {number}"))
        }
        (Kind::Bool, Value::Text(text)) => match text.as_str() {
            "true" | "yes" | "on" => Some("write #true".to_owned()),
            "false" | "no" | "off" => Some("write #false".to_owned()),
            _ => None,
        },
        (Kind::Duration, Value::Integer(number)) => {
            Some(format!("a duration needs a unit, for example \"{number}s\""))
        }
        (Kind::Size, Value::Integer(number)) => {
            Some(format!("a size needs a unit, for example \"{number}B\""))
        }
        (Kind::Text | Kind::Form(_) | Kind::ChoiceOr(..), Value::Integer(number)) => {
            Some(format!("write it in quotes: \"{number}\""))
        }
        _ => None,
    }
}

fn scalar_error<T>(
    kind: &Kind,
    text: &str,
    span: Span,
    parse: impl Fn(&str) -> Result<T, &'static str>,
) -> Option<Diagnostic> {
    let hint = parse(text).err()?;
    let message = format!("expected {}, found {text:?}", kind.expected());
    let hint = (!hint.is_empty()).then(|| hint.to_owned());
    Some(Diagnostic::error(span, message).help_if(hint))
}

fn choice(kind: &Kind, choices: &[Choice], word: &str, span: Span) -> Option<Diagnostic> {
    match choices.iter().find(|choice| choice.word == word) {
        Some(choice) if choice.support == Support::Built => None,
        Some(_) => Some(Diagnostic::error(span, format!("`{word}` is not supported yet"))),
        None => {
            let message = format!("expected {}, found {word:?}", kind.expected());
            let words = choices.iter().map(|choice| choice.word);
            Some(Diagnostic::error(span, message).help_if(did_you_mean(word, words)))
        }
    }
}
