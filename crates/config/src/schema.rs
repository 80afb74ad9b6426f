//! The one table of the language: every node, argument and property with its type, its
//! default and its sentence. Checks, the JSON Schema and the manual all come from it.

mod balance;
mod cache;
mod compress;
mod discover;
mod h2;
mod health;
mod json;
mod layer4;
mod listener;
mod manual;
mod process;
mod route;
mod shaping;
mod site;
mod upstream;

pub(crate) use discover::SERVERS;
pub use json::json_schema;
pub use manual::reference;
pub(crate) use process::ROOT;

/// A node of the language.
#[derive(Debug)]
pub(crate) struct NodeSpec {
    pub(crate) name: &'static str,
    /// What it is for, in one or two sentences.
    pub(crate) doc: &'static str,
    pub(crate) args: &'static [ArgSpec],
    pub(crate) props: &'static [PropSpec],
    pub(crate) children: &'static [&'static Self],
    /// Whether it may stand more than once beside itself.
    pub(crate) repeats: bool,
    /// Whether each property may also be written as a node inside the block.
    pub(crate) settings: bool,
    pub(crate) support: Support,
}

/// What a node is where nothing else is said; a base for struct update.
pub(crate) const NODE: NodeSpec = NodeSpec {
    name: "",
    doc: "",
    args: &[],
    props: &[],
    children: &[],
    repeats: false,
    settings: false,
    support: Support::Built,
};

/// A positional value.
#[derive(Debug)]
pub(crate) struct ArgSpec {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) kind: Kind,
    pub(crate) count: Count,
}

/// A named value.
#[derive(Debug)]
pub(crate) struct PropSpec {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) kind: Kind,
    /// What holds where it is not written; empty if that is nothing.
    pub(crate) default: &'static str,
    /// Whether the positional values after it belong to it (`methods="GET" "POST"`).
    pub(crate) list: bool,
    pub(crate) support: Support,
}

/// What a property is where nothing else is said; a base for struct update.
pub(crate) const PROP: PropSpec = PropSpec {
    name: "",
    doc: "",
    kind: Kind::Text,
    default: "",
    list: false,
    support: Support::Built,
};

/// How many values an argument stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// Exactly one.
    One,
    /// None or one.
    Optional,
    /// Any number; always the last argument.
    Any,
    /// One or more; always the last argument.
    Some,
}

/// Whether something is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Support {
    /// It works.
    Built,
    /// The language has it, this version does not: "not supported yet".
    Later,
}

/// The type of a value. The kinds of text differ in what later checks ask of them, and in
/// how they are described.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Text,
    Bool,
    /// A whole number in a range, bounds included.
    Integer(i128, i128),
    /// One of these whole numbers.
    OneOf(&'static [i128]),
    Duration,
    Size,
    ByteRate,
    /// So many a second.
    Rate,
    Choice(&'static [Choice]),
    /// One of the words, or any other text.
    ChoiceOr(&'static [Choice], &'static str),
    /// A text of a form that a decoder checks; the field says what it is.
    Form(&'static str),
}

/// One word of a choice.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) word: &'static str,
    pub(crate) support: Support,
}

pub(crate) const fn built(word: &'static str) -> Choice {
    Choice { word, support: Support::Built }
}

pub(crate) const fn later(word: &'static str) -> Choice {
    Choice { word, support: Support::Later }
}

pub(crate) const fn arg(name: &'static str, kind: Kind, doc: &'static str) -> ArgSpec {
    ArgSpec { name, doc, kind, count: Count::One }
}

pub(crate) const fn args(
    name: &'static str,
    kind: Kind,
    count: Count,
    doc: &'static str,
) -> ArgSpec {
    ArgSpec { name, doc, kind, count }
}

pub(crate) const fn prop(name: &'static str, kind: Kind, doc: &'static str) -> PropSpec {
    PropSpec { name, doc, kind, ..PROP }
}

impl PropSpec {
    pub(crate) const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    pub(crate) const fn list(self) -> Self {
        Self { list: true, ..self }
    }
}

impl NodeSpec {
    pub(crate) fn child(&self, name: &str) -> Option<&'static Self> {
        self.children.iter().copied().find(|child| child.name == name)
    }

    pub(crate) fn prop(&self, name: &str) -> Option<&'static PropSpec> {
        self.props.iter().find(|prop| prop.name == name)
    }
}

impl Kind {
    /// What is expected, for a message: "a duration such as "5s"".
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Text => "a string".to_owned(),
            Self::Bool => "#true or #false".to_owned(),
            Self::Integer(min, max) => format!("a whole number from {min} to {max}"),
            Self::OneOf(numbers) => {
                let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
                format!("one of {}", numbers.join(", "))
            }
            Self::Duration => "a duration such as \"250ms\", \"5s\", \"2m\" or \"1h\"".to_owned(),
            Self::Size => "a size such as \"512B\", \"16KiB\", \"10MiB\" or \"2GiB\"".to_owned(),
            Self::Rate => "a rate such as \"100/s\" or \"600/m\"".to_owned(),
            Self::ByteRate => "bytes a second such as \"100/s\" or \"1KiB/s\"".to_owned(),
            Self::Choice(choices) => {
                let built = choices.iter().filter(|choice| choice.support == Support::Built);
                crate::suggest::one_of(built.map(|choice| choice.word))
            }
            Self::ChoiceOr(choices, other) => {
                let words: Vec<_> = choices.iter().map(|choice| choice.word).collect();
                let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                format!("{} or {other}", words.join(", "))
            }
            Self::Form(form) => (*form).to_owned(),
        }
    }
}
