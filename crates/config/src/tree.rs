//! The file as a tree, the same for KDL and JSON, before anyone asks what it means.

use crate::model::Span;

/// A node: a name, values, and nodes inside.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: Word,
    pub(crate) entries: Vec<Entry>,
    pub(crate) children: Vec<Self>,
    /// From the name to the last value; a block is not part of it.
    pub(crate) span: Span,
    /// Place of the block, empty or not.
    pub(crate) block: Option<Span>,
}

/// A name and its place.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// An argument, or a property if it has a key.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Option<Word>,
    pub(crate) value: Value,
    /// The value's place, quotes included.
    pub(crate) span: Span,
}

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(i128),
    Float(f64),
    Bool(bool),
    Null,
    /// An array or object of JSON, where only a single value can be.
    Compound,
}

impl Value {
    /// What was found, for a message.
    pub(crate) fn found(&self) -> String {
        match self {
            Self::Text(text) => format!("the string {text:?}"),
            Self::Integer(number) => format!("the number {number}"),
            Self::Float(number) => format!("the number {number}"),
            Self::Bool(value) => format!("#{value}"),
            Self::Null => "#null".to_owned(),
            Self::Compound => "an array or object".to_owned(),
        }
    }
}
