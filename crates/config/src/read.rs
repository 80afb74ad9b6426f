//! Files into one tree: reading, parsing, including, and variables of the environment.

mod environment;
mod glob;
mod include;
mod json;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::decode::Context;
use crate::kdl;
use crate::model::FileId;
use crate::report::Diagnostic;
use crate::schema::{NodeSpec, ROOT};
use crate::tree::Node;

/// Bytes of one file; beyond it the file is refused.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Reads a file and what it includes.
pub(crate) fn file(path: &Path, context: &mut Context) -> Vec<Node> {
    let name = path.display().to_string();
    match content(path) {
        Ok(content) => {
            let mut nodes = parsed(&name, &content, context);
            include::expand(&mut nodes, &mut vec![include::identity(path)], context);
            nodes
        }
        Err(reason) => {
            context.error(Diagnostic::nowhere(format!("cannot read {name:?}: {reason}")));
            Vec::new()
        }
    }
}

/// Reads a text that goes by that name, and what it includes.
pub(crate) fn text(name: &str, content: &str, context: &mut Context) -> Vec<Node> {
    let mut nodes = parsed(name, content, context);
    include::expand(&mut nodes, &mut vec![include::identity(Path::new(name))], context);
    nodes
}

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// KDL, for people.
    Kdl,
    /// JSON, for machines.
    Json,
}

impl Format {
    /// A name that ends in `.json` makes a text JSON.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let extension = Path::new(name).extension();
        if extension.is_some_and(|extension| extension == "json") { Self::Json } else { Self::Kdl }
    }
}

/// Parses a text that holds what may stand at the top level. Nothing is included yet.
pub(crate) fn parsed(name: &str, content: &str, context: &mut Context) -> Vec<Node> {
    block((name, content, Format::of(name)), &ROOT, context)
}

/// Parses a text that goes by a name and holds what may stand in `parent`.
pub(crate) fn block(
    (name, content, format): (&str, &str, Format),
    parent: &'static NodeSpec,
    context: &mut Context,
) -> Vec<Node> {
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    let file = context.sources.add(name, content);
    match tree((file, content, format), parent) {
        Ok(nodes) => nodes,
        Err(found) => {
            context.found.extend(found);
            Vec::new()
        }
    }
}

/// The nodes of a text as they stand, without what they include.
pub(crate) fn tree(
    (file, content, format): (FileId, &str, Format),
    parent: &'static NodeSpec,
) -> Result<Vec<Node>, Vec<Diagnostic>> {
    match format {
        Format::Json => json::parse(file, content, parent),
        Format::Kdl => kdl::parse(file, content),
    }
}

/// The text of a file.
pub(crate) fn content(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| reason(&error))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err("it is larger than 64 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// Why a file cannot be read, in words that do not depend on the system.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}
