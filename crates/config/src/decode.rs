//! Checked nodes into the model: what a value means, beyond its type.

mod action;
mod address;
mod balance;
mod cache;
mod compress;
pub(crate) mod discover;
mod h2;
mod headers;
mod health;
mod host;
mod key;
mod layer4;
mod log;
mod page;
mod path;
mod process;
mod route;
mod shaping;
mod site;
mod template;
mod tls;
mod upstream;

use std::path::{Path, PathBuf};

use crate::check::{Item, item::Text};
use crate::model::{Config, Sources, Span};
use crate::report::Diagnostic;

/// What every decoder needs: the texts, and a place for findings.
#[derive(Debug, Default)]
pub(crate) struct Context {
    pub(crate) sources: Sources,
    pub(crate) found: Vec<Diagnostic>,
}

impl Context {
    pub(crate) fn error(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// The path as seen from the directory of the file that names it.
    fn beside(&self, text: Text<'_>) -> PathBuf {
        let file = self.sources.source(text.span.file).map_or("", |source| &source.name);
        Path::new(file).parent().unwrap_or_else(|| Path::new("")).join(text.text)
    }

    /// The same, where there is a file; else that is reported.
    fn readable(&mut self, text: Text<'_>) -> Option<PathBuf> {
        let path = self.beside(text);
        let reason = match std::fs::metadata(&path) {
            Ok(found) if found.is_file() => return Some(path),
            Ok(_) => "it is not a file".to_owned(),
            Err(error) => crate::read::reason(&error),
        };
        let message = format!("cannot read {:?}: {reason}", path.display().to_string());
        self.error(Diagnostic::error(text.span, message));
        None
    }

    /// Place of a part of a text: exact where the text stands in the file as it is, the
    /// whole value where escapes or variables have changed it.
    pub(crate) fn inside(&self, text: Text<'_>, offset: usize, length: usize) -> Span {
        let written = self.sources.text(text.span);
        if written == text.text {
            return text.span.part(offset, length.max(1));
        }
        let hashes = written.len() - written.trim_start_matches('#').len();
        let opening = hashes + 1;
        let bare = written.get(opening..written.len().saturating_sub(opening));
        if bare == Some(text.text) {
            text.span.part(opening + offset, length.max(1))
        } else {
            text.span
        }
    }
}

/// Decodes the top level. Names that refer to other nodes are checked later.
pub(crate) fn config(items: &[Item], context: &mut Context) -> Config {
    let mut config = Config::default();
    for item in items {
        match item.spec.name {
            "listen" => config.listeners.extend(address::listener(item, context)),
            "trusted-proxies" => {
                let networks = item.arg_texts("network");
                let networks = networks.filter_map(|text| address::network(text, context));
                config.trusted_proxies.extend(networks);
            }
            "limits" => config.limits = process::limits(item, context),
            "timeouts" => config.timeouts = process::timeouts(item),
            "h2" => config.h2 = h2::http2(item, context),
            "upstream" => config.upstreams.extend(upstream::upstream(item, context)),
            "cache" => config.caches.push(cache::store(item, context)),
            "site" => config.sites.extend(site::site(item, context)),
            "access-log" => config.access_logs.extend(log::access_log(item, context)),
            "admin" => config.admin = address::admin(item, context),
            "request-id" => config.request_id = process::request_id(item, context),
            "path" => config.path = process::path_policy(item),
            "resolver" => config.resolving = discover::resolver(item, context),
            "zone" => config.zone = item.arg("name").map(|name| name.text.to_owned()),
            "workers" => config.workers = process::workers(item),
            _ => {}
        }
    }
    config
}
