//! Servers that are found while Weir runs: SRV records, files, documents behind a URL.
//!
//! One task a source on the control thread. What was found last stays in force while a source
//! does not answer or says something that cannot be used.

mod document;
mod file;
mod srv;

use std::sync::Arc;

use config::{DiscoverySource, Server, Span};

use crate::runtime::Task;
use crate::{Control, Resolver};

/// One source of servers of one upstream.
#[derive(Clone, Debug)]
pub struct Source {
    /// Index of the upstream.
    pub upstream: usize,
    /// Its number among the sources of the upstream.
    pub number: usize,
    /// What is asked.
    pub what: DiscoverySource,
}

impl Source {
    /// Every source of a configuration.
    #[must_use]
    pub fn all(config: &config::Config) -> Vec<Self> {
        let each = config.upstreams.iter().enumerate().flat_map(|(upstream, plan)| {
            let sources = plan.discovery.iter().enumerate();
            sources.map(move |(number, found)| {
                let what = found.source.clone();
                Self { upstream, number, what }
            })
        });
        each.collect()
    }

    /// The servers that are known of it before it was asked; none where nothing is known.
    #[must_use]
    pub fn known(&self) -> Option<&[Server]> {
        match &self.what {
            DiscoverySource::File { servers, .. } => Some(servers),
            DiscoverySource::Srv(_) | DiscoverySource::Http(_) => None,
        }
    }

    /// The word for its kind, in metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.what {
            DiscoverySource::Srv(_) => "srv",
            DiscoverySource::File { .. } => "file",
            DiscoverySource::Http(_) => "http",
        }
    }

    /// Where it is, for messages.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.what {
            DiscoverySource::Srv(name) => format!("SRV {name}"),
            DiscoverySource::File { path, .. } => path.display().to_string(),
            DiscoverySource::Http(document) => document.url.clone(),
        }
    }
}

/// News of a source: its servers where they have become others, or why it cannot be used, told
/// once for a row of failures. The first outcome is always told.
pub type News<'a> = Result<&'a [Server], &'a str>;

type Tell = dyn Fn(&Source, News<'_>) + Send + Sync;

/// Sources being followed. Dropping it ends that.
#[derive(Debug)]
pub struct Discoverer {
    _tasks: Vec<Task>,
}

impl Discoverer {
    /// Follows sources; `tell` is called on the control thread.
    #[must_use]
    pub fn start(
        control: &Control,
        resolver: &Resolver,
        sources: Vec<Source>,
        tell: impl Fn(&Source, News<'_>) + Send + Sync + 'static,
    ) -> Self {
        let tell: Arc<Tell> = Arc::new(tell);
        let follow = |source: Source| {
            let (resolver, what) = (resolver.clone(), source.what.clone());
            let followed = Followed::new(source, Arc::clone(&tell));
            let handle = control.handle();
            match what {
                DiscoverySource::Srv(name) => {
                    Task::spawn(handle, srv::follow(followed, resolver, name))
                }
                DiscoverySource::File { path, .. } => {
                    Task::spawn(handle, file::follow(followed, path))
                }
                DiscoverySource::Http(document) => {
                    Task::spawn(handle, document::follow(followed, resolver, document))
                }
            }
        };
        Self { _tasks: sources.into_iter().map(follow).collect() }
    }
}

/// A source with what was told of it last.
struct Followed {
    source: Source,
    tell: Arc<Tell>,
    known: Option<Vec<Server>>,
    is_failing: bool,
}

impl Followed {
    fn new(source: Source, tell: Arc<Tell>) -> Self {
        let known = source.known().map(|servers| placeless(servers.to_vec()));
        Self { source, tell, known, is_failing: false }
    }

    /// Takes note of what a source has said and tells it if it is news.
    fn note(&mut self, outcome: Result<Vec<Server>, String>) {
        match outcome {
            Ok(servers) => {
                self.is_failing = false;
                let servers = placeless(servers);
                if self.known.as_ref() != Some(&servers) {
                    (self.tell)(&self.source, Ok(&servers));
                    self.known = Some(servers);
                }
            }
            Err(reason) if !self.is_failing => {
                self.is_failing = true;
                (self.tell)(&self.source, Err(&reason));
            }
            Err(_) => {}
        }
    }
}

/// The same servers without the places they are written at, which mean nothing elsewhere.
fn placeless(mut servers: Vec<Server>) -> Vec<Server> {
    servers.iter_mut().for_each(|server| server.span = Span::default());
    servers
}

#[cfg(test)]
mod tests;
