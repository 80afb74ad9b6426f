//! Places in the files that were read, and the text of those files.

use std::ops::Range;

/// Index of a file in [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A range of bytes in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which file.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The span as a range of byte offsets.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// A part of this span: `length` bytes from `offset`, cut to what the span holds.
    #[must_use]
    pub fn part(self, offset: usize, length: usize) -> Self {
        let span = (self.end - self.start) as usize;
        let offset = offset.min(span);
        let length = length.min(span - offset);
        let start = self.start + offset as u32;
        Self { file: self.file, start, end: start + length as u32 }
    }
}

/// One file (or one text without a file) that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the user wrote it, or the name given to the text.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Every text that was read, in reading order; [`FileId`] is the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(Vec<Source>);

/// A place as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file's name.
    pub name: String,
    /// Line, counted from one.
    pub line: usize,
    /// Column in characters, counted from one.
    pub column: usize,
}

impl Sources {
    /// Adds a text and says under which id it can be found.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        self.0.push(Source { name: name.into(), text: text.into() });
        FileId(self.0.len() as u32 - 1)
    }

    /// The text with that id.
    #[must_use]
    pub fn source(&self, file: FileId) -> Option<&Source> {
        self.0.get(file.0 as usize)
    }

    /// Every text in reading order.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    /// The text that a span covers; empty where the span does not fit its file.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.source(span.file).and_then(|source| source.text.get(span.range())).unwrap_or("")
    }

    /// File, line and column where a span starts.
    #[must_use]
    pub fn location(&self, span: Span) -> Option<Location> {
        let source = self.source(span.file)?;
        let before = source.text.get(..span.start as usize)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Some(Location {
            name: source.name.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        })
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.name, self.line, self.column)
    }
}
