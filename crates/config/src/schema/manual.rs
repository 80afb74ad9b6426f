//! The table as the reference part of the manual, in Markdown.

use super::{ArgSpec, Choice, Count, Kind, NodeSpec, PropSpec, ROOT, Support};

/// The reference of every node, as Markdown; `docs/configuration.md` holds it word by word.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    for child in ROOT.children {
        section(child, &[], &mut text);
    }
    text.trim_end().to_owned() + "\n"
}

fn section(spec: &'static NodeSpec, path: &[&str], text: &mut String) {
    let path: Vec<_> = path.iter().copied().chain([spec.name]).collect();
    if spec.support == Support::Later {
        return;
    }
    let level = if path.len() == 1 { "##" } else { "###" };
    text.push_str(&format!("{level} `{}`\n\n", path.join(" / ")));
    text.push_str(&format!("```kdl\n{}\n```\n\n{}\n\n", synopsis(spec), spec.doc));
    if spec.repeats {
        text.push_str("It may stand several times.\n\n");
    }
    let values: Vec<_> = spec.args.iter().map(argument).collect();
    let built = spec.props.iter().filter(|prop| prop.support == Support::Built);
    let values: Vec<_> = values.into_iter().chain(built.map(property)).collect();
    if !values.is_empty() {
        text.push_str("| value | type | default | meaning |\n|---|---|---|---|\n");
        text.push_str(&values.concat());
        text.push('\n');
    }
    if spec.settings {
        text.push_str("On one line each is written as a property: `name=value`.\n\n");
    }
    later(spec, text);
    for child in spec.children {
        section(child, &path, text);
    }
}

/// What the language has and this version has not, in one line.
fn later(spec: &NodeSpec, text: &mut String) {
    let props = spec.props.iter().filter(|prop| prop.support == Support::Later);
    let nodes = spec.children.iter().filter(|node| node.support == Support::Later);
    let names = props.map(|prop| prop.name).chain(nodes.map(|node| node.name));
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if !names.is_empty() {
        text.push_str(&format!("Not supported yet: {}.\n\n", names.join(", ")));
    }
}

fn synopsis(spec: &NodeSpec) -> String {
    if spec.settings {
        return format!("{} {{\n    name value\n    ...\n}}", spec.name);
    }
    let mut line = spec.name.to_owned();
    for arg in spec.args {
        line.push_str(&match arg.count {
            Count::One => format!(" <{}>", arg.name),
            Count::Optional => format!(" [{}]", arg.name),
            Count::Any => format!(" [{}]...", arg.name),
            Count::Some => format!(" <{}>...", arg.name),
        });
    }
    for prop in spec.props.iter().filter(|prop| prop.support == Support::Built) {
        let more = if prop.list { "..." } else { "" };
        line.push_str(&format!(" [{}=...]{more}", prop.name));
    }
    if !spec.children.is_empty() {
        line.push_str(" { ... }");
    }
    line
}

fn argument(arg: &ArgSpec) -> String {
    let needed = match arg.count {
        Count::One | Count::Some => "needed",
        Count::Optional | Count::Any => "",
    };
    row(&format!("_{}_", arg.name), &arg.kind, needed, arg.doc)
}

fn property(prop: &PropSpec) -> String {
    let default = match prop.default {
        "" => String::new(),
        default if default.contains(' ') => default.to_owned(),
        default => format!("`{default}`"),
    };
    row(&format!("`{}`", prop.name), &prop.kind, &default, prop.doc)
}

fn row(name: &str, kind: &Kind, default: &str, doc: &str) -> String {
    format!("| {name} | {} | {default} | {doc} |\n", kind_name(kind))
}

fn kind_name(kind: &Kind) -> String {
    let words = |choices: &[Choice]| {
        let words = choices.iter().map(|choice| match choice.support {
            Support::Built => format!("`{}`", choice.word),
            Support::Later => format!("`{}` (not yet)", choice.word),
        });
        words.collect::<Vec<_>>().join(", ")
    };
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Bool => "`#true` or `#false`".to_owned(),
        Kind::Integer(min, max) => format!("{min} to {max}"),
        Kind::OneOf(numbers) => {
            numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        Kind::Duration => "duration".to_owned(),
        Kind::Size => "size".to_owned(),
        Kind::Rate => "rate".to_owned(),
        Kind::ByteRate => "bytes a second".to_owned(),
        Kind::Choice(choices) => words(choices),
        Kind::ChoiceOr(choices, other) => format!("{}, or {other}", words(choices)),
        Kind::Form(form) => (*form).to_owned(),
    }
}
