//! A node that fits the table, and the questions that decoders ask it.

use std::time::Duration;

use crate::model::Span;
use crate::scalar;
use crate::schema::{ArgSpec, NodeSpec, PropSpec};
use crate::tree::{Node, Value, Word};

/// A node whose names and types are right. What was wrong is left out and reported.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) spec: &'static NodeSpec,
    pub(crate) args: Vec<Arg>,
    pub(crate) props: Vec<Prop>,
    pub(crate) items: Vec<Self>,
    /// From the name to the last value.
    pub(crate) span: Span,
    pub(crate) name_span: Span,
    /// Whether nothing of it, or inside it, was reported; if not, what seems to be missing
    /// is perhaps only left out.
    pub(crate) whole: bool,
    pub(super) args_seen: usize,
    pub(super) keys: Vec<Word>,
}

/// An argument of the right type.
#[derive(Debug)]
pub(crate) struct Arg {
    pub(crate) spec: &'static ArgSpec,
    pub(crate) value: Value,
    pub(crate) span: Span,
}

/// A property of the right type; one of several of that name, if it is a list.
#[derive(Debug)]
pub(crate) struct Prop {
    pub(crate) spec: &'static PropSpec,
    pub(crate) value: Value,
    pub(crate) span: Span,
}

/// A text and its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    pub(crate) text: &'a str,
    pub(crate) span: Span,
}

impl Item {
    pub(super) fn new(spec: &'static NodeSpec, node: &Node) -> Self {
        Self {
            spec,
            args: Vec::new(),
            props: Vec::new(),
            items: Vec::new(),
            span: node.span,
            name_span: node.name.span,
            whole: true,
            args_seen: 0,
            keys: Vec::new(),
        }
    }

    /// Every node of that name inside.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.items.iter().filter(move |item| item.spec.name == name)
    }

    /// The first node of that name inside.
    pub(crate) fn first(&self, name: &str) -> Option<&Self> {
        self.items.iter().find(|item| item.spec.name == name)
    }

    /// The text of an argument.
    pub(crate) fn arg<'a>(&'a self, name: &'a str) -> Option<Text<'a>> {
        self.arg_texts(name).next()
    }

    /// The texts of a repeated argument.
    pub(crate) fn arg_texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Text<'a>> {
        let args = self.args.iter().filter(move |arg| arg.spec.name == name);
        args.filter_map(|arg| text(&arg.value, arg.span))
    }

    /// The whole numbers of a repeated argument.
    pub(crate) fn arg_integers<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (i128, Span)> + 'a {
        let args = self.args.iter().filter(move |arg| arg.spec.name == name);
        args.filter_map(|arg| Some((integer(&arg.value)?, arg.span)))
    }

    /// The text of a property.
    pub(crate) fn prop<'a>(&'a self, name: &'a str) -> Option<Text<'a>> {
        self.prop_texts(name).next()
    }

    /// The texts of a property that is a list.
    pub(crate) fn prop_texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Text<'a>> {
        let props = self.props.iter().filter(move |prop| prop.spec.name == name);
        props.filter_map(|prop| text(&prop.value, prop.span))
    }

    /// A property as a whole number of the type wanted.
    pub(crate) fn integer<T: TryFrom<i128>>(&self, name: &str) -> Option<T> {
        let prop = self.props.iter().find(|prop| prop.spec.name == name)?;
        T::try_from(integer(&prop.value)?).ok()
    }

    /// A property as #true or #false.
    pub(crate) fn bool(&self, name: &str) -> Option<bool> {
        let prop = self.props.iter().find(|prop| prop.spec.name == name)?;
        if let Value::Bool(value) = prop.value { Some(value) } else { None }
    }

    /// A property as a duration.
    pub(crate) fn duration(&self, name: &str) -> Option<Duration> {
        scalar::duration(self.prop(name)?.text).ok()
    }

    /// A property as bytes.
    pub(crate) fn size(&self, name: &str) -> Option<u64> {
        scalar::size(self.prop(name)?.text).ok()
    }

    /// A property as a number in a second.
    pub(crate) fn rate(&self, name: &str) -> Option<u32> {
        scalar::rate(self.prop(name)?.text).ok()
    }

    /// A property as bytes a second.
    pub(crate) fn byte_rate(&self, name: &str) -> Option<u64> {
        scalar::byte_rate(self.prop(name)?.text).ok()
    }
}

fn text(value: &Value, span: Span) -> Option<Text<'_>> {
    if let Value::Text(text) = value { Some(Text { text, span }) } else { None }
}

fn integer(value: &Value) -> Option<i128> {
    if let Value::Integer(number) = value { Some(*number) } else { None }
}
