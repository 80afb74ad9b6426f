//! Elements into text.

use super::layout::{Element, Part};

/// Characters of a line that a block written on one line may fill.
const COLUMNS_MAX: usize = 100;
const INDENT: usize = 4;

struct Line<'a> {
    depth: usize,
    code: String,
    comment: Option<&'a str>,
}

/// The text of a whole document.
pub(super) fn render(elements: &[Element<'_>]) -> String {
    let mut lines = Vec::new();
    for element in elements {
        push(element, 0, &mut lines);
    }
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        if !line.code.is_empty() || line.comment.is_some() {
            text.push_str(&" ".repeat(line.depth * INDENT));
        }
        text.push_str(&line.code);
        if let Some(comment) = line.comment {
            if !line.code.is_empty() {
                let width = comment_column(&lines, index) - width(line);
                text.push_str(&" ".repeat(width));
            }
            text.push_str(comment.trim_end());
        }
        text.push('\n');
    }
    text
}

/// Comments behind code in lines that follow each other start in one column.
fn comment_column(lines: &[Line<'_>], index: usize) -> usize {
    let aligned = |line: &&Line<'_>| {
        line.comment.is_some() && !line.code.is_empty() && !line.code.ends_with('{')
    };
    if lines.get(index).is_none_or(|line| !aligned(&line)) {
        return lines.get(index).map_or(0, width) + 1;
    }
    let above = lines[..index].iter().rev().take_while(aligned);
    let below = lines[index..].iter().take_while(aligned);
    above.chain(below).map(width).max().unwrap_or(0) + 1
}

/// Columns of a line's code, of its last line if a string runs over several.
fn width(line: &Line<'_>) -> usize {
    match line.code.rsplit_once('\n') {
        Some((_, last)) => last.chars().count(),
        None => line.depth * INDENT + line.code.chars().count(),
    }
}

fn push<'a>(element: &Element<'a>, depth: usize, lines: &mut Vec<Line<'a>>) {
    match element {
        Element::Blank => lines.push(Line { depth, code: String::new(), comment: None }),
        Element::Comment(comment) => {
            lines.push(Line { depth, code: String::new(), comment: Some(comment) });
        }
        Element::Node { parts, comment } => {
            push_node(parts, depth, lines);
            if let Some(last) = lines.last_mut() {
                last.comment = *comment;
            }
        }
    }
}

fn push_node<'a>(parts: &[Part<'a>], depth: usize, lines: &mut Vec<Line<'a>>) {
    let short = one_line(parts).filter(|code| {
        depth * INDENT + code.chars().count() <= COLUMNS_MAX || !parts.iter().any(is_full_block)
    });
    if let Some(code) = short {
        lines.push(Line { depth, code, comment: None });
        return;
    }
    let mut code = String::new();
    let mut extra = 0;
    for (index, part) in parts.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| parts.get(before));
        if matches!(part, Part::Continue) {
            code.push_str(" \\");
            lines.push(Line { depth: depth + extra, code, comment: None });
            code = String::new();
            extra = 1;
            continue;
        }
        code.push_str(gap(before, part));
        match part {
            Part::Block { elements, comment, .. } if is_full_block(part) => {
                code.push('{');
                lines.push(Line { depth: depth + extra, code, comment: *comment });
                for element in elements {
                    push(element, depth + 1, lines);
                }
                code = "}".to_owned();
                extra = 0;
            }
            other => code.push_str(&plain(other)),
        }
    }
    lines.push(Line { depth: depth + extra, code, comment: None });
}

fn is_full_block(part: &Part<'_>) -> bool {
    match part {
        Part::Block { elements, comment, .. } => !elements.is_empty() || comment.is_some(),
        _ => false,
    }
}

/// The whole node on one line, if it was written so.
fn one_line(parts: &[Part<'_>]) -> Option<String> {
    let mut code = String::new();
    for (index, part) in parts.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| parts.get(before));
        code.push_str(gap(before, part));
        match part {
            Part::Continue => return None,
            Part::Block { .. } if !is_full_block(part) => code.push_str("{}"),
            Part::Block { one_line: false, .. } => return None,
            Part::Block { elements, .. } => {
                let inside: Option<Vec<_>> = elements.iter().map(inline).collect();
                code.push_str(&format!("{{ {} }}", inside?.join("; ")));
            }
            other => code.push_str(&plain(other)),
        }
    }
    Some(code)
}

fn inline(element: &Element<'_>) -> Option<String> {
    match element {
        Element::Node { parts, comment: None } => one_line(parts),
        _ => None,
    }
}

fn plain(part: &Part<'_>) -> String {
    match part {
        Part::Word(word) => (*word).to_owned(),
        Part::Mark(mark) => mark.to_string(),
        Part::Slashdash => "/-".to_owned(),
        Part::Comment(comment) => (*comment).to_owned(),
        Part::Continue => String::new(),
        Part::Block { .. } => "{}".to_owned(),
    }
}

/// What stands between two parts: one space, or nothing around `=`, `(`, `)` and `/-`.
fn gap(before: Option<&Part<'_>>, part: &Part<'_>) -> &'static str {
    match (before, part) {
        (None | Some(Part::Slashdash | Part::Continue | Part::Mark('=' | '(' | ')')), _)
        | (_, Part::Mark('=' | ')')) => "",
        _ => " ",
    }
}
