//! What is wrong with a configuration, and how that is shown to a person.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Element, Level, Renderer, Snippet};

use crate::model::{FileId, Source, Sources, Span};

/// Diagnostics shown in full; what lies beyond is only counted.
const SHOWN_MAX: usize = 100;

/// Everything that is wrong with a configuration, over all of its files.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The findings, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts they point into.
    pub sources: Sources,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the configuration can be used in spite of it.
    pub severity: Severity,
    /// What is wrong: one line, lower case, no full stop.
    pub message: String,
    /// The places it is about, the first one being where it is wrong.
    pub marks: Vec<Mark>,
    /// What to do about it.
    pub help: Vec<String>,
}

/// A place with a remark, which may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The place.
    pub span: Span,
    /// What there is to say about it.
    pub label: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration works, but perhaps not as meant.
    Warning,
}

impl Report {
    /// Number of findings that refuse the configuration.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|found| found.severity == Severity::Error).count()
    }

    /// Renders all findings the way rustc does, with escape codes if `color`.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        render(&self.diagnostics, &self.sources, color)
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}

impl Diagnostic {
    /// A finding that makes the configuration unusable.
    #[must_use]
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        let marks = vec![Mark { span, label: String::new() }];
        Self { severity: Severity::Error, message: message.into(), marks, help: Vec::new() }
    }

    pub(crate) fn warning(span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(span, message) }
    }

    /// A finding about no place in a text, such as a file that cannot be read.
    pub(crate) fn nowhere(message: impl Into<String>) -> Self {
        Self { marks: Vec::new(), ..Self::error(Span::default(), message) }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        if let Some(mark) = self.marks.first_mut() {
            mark.label = label.into();
        }
        self
    }

    pub(crate) fn mark(mut self, span: Span, label: impl Into<String>) -> Self {
        self.marks.push(Mark { span, label: label.into() });
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    pub(crate) fn help_if(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }
}

/// Renders findings against the texts they point into.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(SHOWN_MAX) {
        text.push_str(&render_one(diagnostic, sources, &renderer));
        text.push_str("\n\n");
    }
    if let Some(more) = diagnostics.len().checked_sub(SHOWN_MAX + 1) {
        text.push_str(&format!("... and {} more\n", more + 1));
    }
    text
}

fn render_one(diagnostic: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let help = diagnostic.help.iter().map(|help| Level::HELP.message(help.as_str()).into());
    let elements: Vec<Element<'_>> =
        snippets(diagnostic, sources).into_iter().chain(help).collect();
    renderer.render(&[level.primary_title(diagnostic.message.as_str()).elements(elements)])
}

/// One snippet for each file that is pointed into, that of the first mark first.
fn snippets<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Vec<Element<'a>> {
    let mut files: Vec<_> = Vec::new();
    for mark in &diagnostic.marks {
        if !files.contains(&mark.span.file) {
            files.push(mark.span.file);
        }
    }
    files.into_iter().filter_map(|file| snippet(diagnostic, file, sources.source(file)?)).collect()
}

/// The lines of one file from the first to the last that is pointed at. The rest of the text
/// is not handed over, since it would be searched for each finding.
fn snippet<'a>(
    diagnostic: &'a Diagnostic,
    file: FileId,
    source: &'a Source,
) -> Option<Element<'a>> {
    let text = source.text.as_str();
    let marks = diagnostic.marks.iter().enumerate().filter(|(_, mark)| mark.span.file == file);
    let marks: Vec<_> = marks.map(|(i, mark)| (i, mark, visible(mark.span, text))).collect();
    let first = marks.iter().map(|(.., range)| range.start).min()?;
    let last = marks.iter().map(|(.., range)| range.end).max()?;
    let start = text[..first].rfind('\n').map_or(0, |at| at + 1);
    let end = text[last..].find('\n').map_or(text.len(), |at| last + at + 1);
    let marks = marks.into_iter().map(|(index, mark, range)| {
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let label = (!mark.label.is_empty()).then_some(mark.label.as_str());
        kind.span(range.start - start..range.end - start).label(label)
    });
    let line = text[..start].matches('\n').count() + 1;
    let snippet = Snippet::source(&text[start..end]).line_start(line).path(source.name.as_str());
    Some(snippet.annotations(marks).into())
}

/// The span cut to its first line and to the text, on character boundaries.
fn visible(span: Span, text: &str) -> std::ops::Range<usize> {
    let boundary = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = boundary(span.start as usize);
    let end = boundary((span.end as usize).max(start));
    let line = text[start..end].find('\n').map_or(end, |at| start + at);
    start..line
}
