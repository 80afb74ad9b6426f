//! KDL text into a typed, spanned, checked configuration, or into every reason why not.
//! It knows the language and nothing of the runtime.

mod check;
mod decode;
mod fmt;
mod kdl;
pub mod model;
mod outline;
mod read;
mod report;
mod resolve;
mod scalar;
mod schema;
mod suggest;
mod tree;

use std::path::Path;

pub use fmt::format;
pub use model::*;
pub use outline::Outline;
pub use report::{Diagnostic, Mark, Report, Severity, render};
pub use schema::{json_schema, reference};

use decode::Context;
use tree::Node;

/// Reads a configuration file and every file it includes.
///
/// # Errors
/// All findings of all files together, if one of them is an error.
pub fn load(path: &Path) -> Result<Config, Report> {
    let mut context = Context::default();
    let nodes = read::file(path, &mut context);
    finish(&nodes, context)
}

/// Reads a configuration from a text that goes by `name` in messages. Relative paths in it
/// are relative to the directory part of that name.
///
/// # Errors
/// All findings together, if one of them is an error.
pub fn load_text(name: &str, text: &str) -> Result<Config, Report> {
    let mut context = Context::default();
    let nodes = read::text(name, text, &mut context);
    finish(&nodes, context)
}

/// The two ways to write a list of servers, and everything else.
pub use read::Format as ListFormat;

/// Reads a list of servers: `server` nodes and nothing else. The text goes by `name` in messages.
///
/// # Errors
/// All findings together, if one of them is an error.
pub fn load_servers(name: &str, text: &str, format: ListFormat) -> Result<Vec<Server>, Report> {
    let mut context = Context::default();
    let servers = decode::discover::servers((name, text, format), &mut context);
    listed(servers, context)
}

/// Reads a list of servers from a file: JSON where its name ends in `.json`, else KDL.
///
/// # Errors
/// All findings together, if one of them is an error.
pub fn load_server_file(path: &Path) -> Result<Vec<Server>, Report> {
    let mut context = Context::default();
    let servers = decode::discover::file_servers(path, &mut context).unwrap_or_else(|message| {
        context.error(Diagnostic::nowhere(message));
        Vec::new()
    });
    listed(servers, context)
}

fn listed(servers: Vec<Server>, context: Context) -> Result<Vec<Server>, Report> {
    let Context { sources, found: diagnostics } = context;
    let report = Report { diagnostics, sources };
    if report.errors() > 0 { Err(report) } else { Ok(servers) }
}

fn finish(nodes: &[Node], mut context: Context) -> Result<Config, Report> {
    let unread = !context.found.is_empty();
    let (items, _) = check::block(nodes, &schema::ROOT, &mut context.found);
    let mut config = decode::config(&items, &mut context);
    resolve::check(&config, &mut context);
    if !nodes.iter().any(|node| node.name.text == "listen") && !unread {
        context.error(nothing_listens());
    }
    let Context { sources, mut found } = context;
    found.sort_by_key(|one| one.marks.first().map(|mark| mark.span));
    let report = Report { diagnostics: found, sources };
    if report.errors() > 0 {
        return Err(report);
    }
    config.warnings = report.diagnostics;
    config.sources = report.sources;
    Ok(config)
}

fn nothing_listens() -> Diagnostic {
    Diagnostic::nowhere("nothing listens").help("add a listener, for example: listen \":80\"")
}
