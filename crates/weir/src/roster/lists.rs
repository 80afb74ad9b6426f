//! Which servers come from where.

use std::sync::Arc;

use config::{Config, DiscoverySource, Server};

/// The servers of every upstream, by index.
pub(crate) struct Lists {
    upstreams: Vec<Sources>,
}

/// The servers of one upstream.
struct Sources {
    written: Vec<Server>,
    /// By the number of the source; `None` until it has said anything.
    found: Vec<Found>,
    /// By the operator, until the process ends.
    added: Vec<Server>,
}

/// What one source has said.
#[derive(Default)]
struct Found {
    servers: Vec<Server>,
    has_spoken: bool,
}

impl Lists {
    pub(crate) fn new(config: &Config) -> Self {
        let found = |source: &DiscoverySource| match source {
            DiscoverySource::File { servers, .. } => {
                Found { servers: servers.clone(), has_spoken: true }
            }
            DiscoverySource::Srv(_) | DiscoverySource::Http(_) => Found::default(),
        };
        let sources = |upstream: &config::Upstream| Sources {
            written: upstream.servers.clone(),
            found: upstream.discovery.iter().map(|known| found(&known.source)).collect(),
            added: Vec::new(),
        };
        Self { upstreams: config.upstreams.iter().map(sources).collect() }
    }

    /// The servers that an upstream has now.
    pub(crate) fn servers(&self, upstream: usize) -> Arc<[Server]> {
        let Some(sources) = self.upstreams.get(upstream) else { return Arc::new([]) };
        let found = sources.found.iter().flat_map(|found| &found.servers);
        let all = sources.written.iter().chain(&sources.added).chain(found);
        let mut servers: Vec<Server> = Vec::new();
        // Of two sources that find the same server, the first decides what it is.
        let mut seen = std::collections::HashSet::new();
        for (number, server) in all.enumerate() {
            if seen.insert(&server.address) || number < sources.written.len() {
                servers.push(server.clone());
            }
        }
        servers.into()
    }

    /// Upstreams that have more servers than are written.
    pub(crate) fn grown(&self) -> Vec<(usize, Arc<[Server]>)> {
        let has_more = |sources: &Sources| sources.found.iter().any(|one| !one.servers.is_empty());
        let grown = self.upstreams.iter().enumerate().filter(|(_, sources)| has_more(sources));
        grown.map(|(index, _)| (index, self.servers(index))).collect()
    }

    /// Whether every source has said something.
    pub(crate) fn is_settled(&self) -> bool {
        let mut found = self.upstreams.iter().flat_map(|sources| &sources.found);
        found.all(|found| found.has_spoken)
    }

    /// A source has spoken; with `None` it has failed, and what it said before stays. Returns
    /// whether there is anything new.
    pub(crate) fn found(
        &mut self,
        (upstream, number): (usize, usize),
        servers: Option<&[Server]>,
    ) -> bool {
        let sources = self.upstreams.get_mut(upstream);
        let Some(found) = sources.and_then(|sources| sources.found.get_mut(number)) else {
            return false;
        };
        found.has_spoken = true;
        if let Some(servers) = servers {
            found.servers = servers.to_vec();
        }
        servers.is_some()
    }

    /// Adds a server that the upstream does not have.
    pub(crate) fn add(
        &mut self,
        upstream: usize,
        server: Server,
        max: usize,
    ) -> Result<(), String> {
        let known = self.servers(upstream);
        if known.iter().any(|known| known.address == server.address) {
            return Err(format!("there is a server {} already", server.address));
        }
        if known.len() >= max {
            return Err(format!("there are {} servers, and `servers-max` is {max}", known.len()));
        }
        let sources = self.upstreams.get_mut(upstream).ok_or("no such upstream")?;
        sources.added.push(server);
        Ok(())
    }

    /// Takes away a server that was added. Returns whether there was one.
    pub(crate) fn remove(&mut self, upstream: usize, label: &str) -> bool {
        let Some(sources) = self.upstreams.get_mut(upstream) else { return false };
        let before = sources.added.len();
        sources.added.retain(|server| server.address.to_string() != label);
        sources.added.len() < before
    }
}

#[cfg(test)]
mod tests {
    use config::ListFormat;

    use super::*;

    fn servers(text: &str) -> Vec<Server> {
        config::load_servers("test", text, ListFormat::Kdl).unwrap()
    }

    fn lists() -> Lists {
        let text = "listen \":80\"\nupstream \"app\" { server \"10.0.0.1:80\" weight=5; \
                    discover { srv \"a.test\"; http \"http://b.test/\"; }; }";
        Lists::new(&config::load_text("test", text).unwrap())
    }

    fn labels(lists: &Lists) -> Vec<(String, u16)> {
        let servers = lists.servers(0);
        servers.iter().map(|server| (server.address.to_string(), server.weight)).collect()
    }

    #[test]
    fn the_first_source_decides_and_a_failure_takes_nothing_away() {
        let mut lists = lists();
        assert!(!lists.is_settled());
        let found = servers("server \"10.0.0.2:80\" weight=7\nserver \"10.0.0.1:80\"");
        assert!(lists.found((0, 0), Some(&found)));
        assert!(lists.found((0, 1), Some(&servers("server \"10.0.0.2:80\" weight=9"))));
        assert!(lists.is_settled());
        let expected = [("10.0.0.1:80".to_owned(), 5), ("10.0.0.2:80".to_owned(), 7)];
        assert_eq!(labels(&lists), expected);
        assert!(!lists.found((0, 0), None));
        assert_eq!(labels(&lists), expected);
        assert!(lists.found((0, 0), Some(&[])));
        assert_eq!(labels(&lists)[1], ("10.0.0.2:80".to_owned(), 9));
        assert_eq!(lists.grown().len(), 1);
    }

    #[test]
    fn what_was_added_can_be_taken_away_and_nothing_else() {
        let mut lists = lists();
        let [added] = servers("server \"10.0.0.3:80\"").try_into().unwrap();
        assert!(lists.add(0, Server::clone(&added), 2).is_ok());
        assert!(lists.add(0, added, 9).unwrap_err().contains("already"));
        let [more] = servers("server \"10.0.0.4:80\"").try_into().unwrap();
        assert!(lists.add(0, more, 2).unwrap_err().contains("servers-max"));
        assert!(!lists.remove(0, "10.0.0.1:80"));
        assert!(lists.remove(0, "10.0.0.3:80"));
        assert_eq!(labels(&lists).len(), 1);
    }
}
