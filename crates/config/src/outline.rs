//! What stands in a node of a file, by name and place, for messages about a configuration that is
//! in use. The model keeps what nodes mean; where every single one stands is looked up here.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::model::{FileId, Sources, Span};
use crate::read::{Format, tree};
use crate::schema::ROOT;
use crate::tree::Node;

/// The nodes of files. Each file is parsed once, when it is first asked about.
#[derive(Debug)]
pub struct Outline<'a> {
    sources: &'a Sources,
    files: RefCell<HashMap<FileId, Vec<Node>>>,
}

impl<'a> Outline<'a> {
    /// Nothing is parsed yet.
    #[must_use]
    pub fn new(sources: &'a Sources) -> Self {
        Self { sources, files: RefCell::default() }
    }

    /// The place of a node inside the one at `parent`: of those of this name the `number`th, from
    /// zero. What that one includes is not looked into.
    #[must_use]
    pub fn place(&self, parent: Span, name: &str, number: usize) -> Option<Span> {
        let mut files = self.files.borrow_mut();
        let nodes = files.entry(parent.file).or_insert_with(|| self.parse(parent.file));
        let children = &find(nodes, parent)?.children;
        children.iter().filter(|node| node.name.text == name).nth(number).map(|node| node.span)
    }

    fn parse(&self, file: FileId) -> Vec<Node> {
        let Some(source) = self.sources.source(file) else { return Vec::new() };
        tree((file, &source.text, Format::of(&source.name)), &ROOT).unwrap_or_default()
    }
}

/// The node at a place, however deep.
fn find(nodes: &[Node], span: Span) -> Option<&Node> {
    nodes.iter().find_map(
        |node| {
            if node.span == span { Some(node) } else { find(&node.children, span) }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_found_by_name_and_number() {
        let cache = "cache {\n      bypass cookie=\"a\"\n      bypass cookie=\"b\"\n    }";
        let text = format!(
            "listen \":80\"\nsite {{\n  route \"/*\" {{\n    {cache}\n    proxy \"app\"\n  }}\n}}\n\
             upstream \"app\" {{ server \"127.0.0.1:1\"; }}\n"
        );
        let config = crate::load_text("test", &text).unwrap();
        let route = &config.sites[0].routes[0];
        let outline = Outline::new(&config.sources);
        let cache = outline.place(route.span, "cache", 0).unwrap();
        assert_eq!(config.sources.location(cache).unwrap().line, 4);
        assert_eq!(Some(cache), route.cache.as_ref().map(|cache| cache.span));
        let second = outline.place(cache, "bypass", 1).unwrap();
        assert_eq!(config.sources.text(second), "bypass cookie=\"b\"");
        assert_eq!(outline.place(route.span, "rewrite", 0), None);
        assert_eq!(outline.place(Span::default(), "site", 0), None);
    }

    #[test]
    fn json_has_the_same_nodes() {
        let text = "{\"listen\": \":80\", \"site\": {\"route\": {\"_\": \"/*\",\n\
                    \"rewrite\": {\"strip-prefix\": \"/a\"}, \"respond\": 200}}}";
        let config = crate::load_text("test.json", text).unwrap();
        let outline = Outline::new(&config.sources);
        let rewrite = outline.place(config.sites[0].routes[0].span, "rewrite", 0).unwrap();
        assert_eq!(config.sources.location(rewrite).unwrap().line, 2);
    }
}
