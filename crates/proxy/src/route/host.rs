//! From a name that a client asks for to what is known under it: the site of a request, the routes
//! of a TLS connection.

use hashbrown::HashMap;

use super::HostPattern;

/// The longest name looked up, in bytes (RFC 1035 §2.3.4 allows 253, and IP literals are
/// shorter); a longer one is nobody's and falls to the site that serves every host.
const HOST_BYTES_MAX: usize = 255;

type Names<T> = HashMap<Box<[u8]>, T, foldhash::fast::FixedState>;

/// What is known by host.
#[derive(Debug)]
pub(crate) struct Hosts<T> {
    exact: Names<T>,
    below: Names<T>,
    /// Labels of the longest name in `below`; suffixes with more need no look.
    below_labels_max: usize,
    any: Option<T>,
}

impl<T> Default for Hosts<T> {
    fn default() -> Self {
        let (exact, below) = (Names::default(), Names::default());
        Self { exact, below, below_labels_max: 0, any: None }
    }
}

impl<T> Hosts<T> {
    /// Adds a host; its name is lower case already (see [`normal`]).
    pub(crate) fn insert(&mut self, host: HostPattern, site: T) {
        match host {
            HostPattern::Exact(name) => {
                self.exact.insert(name.into_bytes().into(), site);
            }
            HostPattern::Below(name) => {
                self.below_labels_max = self.below_labels_max.max(name.split('.').count());
                self.below.insert(name.into_bytes().into(), site);
            }
            HostPattern::Any => self.any = Some(site),
        }
    }

    /// The first that `choose` takes of what is known under a host without its port: by exact
    /// name, by the names it lies below, the longest first, and for any host.
    pub(crate) fn find<'a, R>(
        &'a self,
        host: &[u8],
        mut choose: impl FnMut(&'a T) -> Option<R>,
    ) -> Option<R> {
        let mut buffer = [0; HOST_BYTES_MAX];
        if let Some(name) = lower(host, &mut buffer) {
            let exact = self.exact.get(name).and_then(&mut choose);
            let found = exact.or_else(|| self.above(name).find_map(&mut choose));
            if found.is_some() {
                return found;
            }
        }
        self.any.as_ref().and_then(choose)
    }

    fn above<'a>(&'a self, name: &[u8]) -> impl Iterator<Item = &'a T> {
        let labels_max = self.below_labels_max;
        let dots = if self.below.is_empty() { 0 } else { memchr::memchr_iter(b'.', name).count() };
        memchr::memchr_iter(b'.', name)
            .take(dots)
            .skip(dots.saturating_sub(labels_max))
            .filter_map(|dot| self.below.get(name.get(dot + 1..)?))
    }
}

/// A pattern as it is compared: lower case, no trailing dot.
pub(super) fn normal(host: &HostPattern) -> HostPattern {
    let lower = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    match host {
        HostPattern::Exact(name) => HostPattern::Exact(lower(name)),
        HostPattern::Below(name) => HostPattern::Below(lower(name)),
        HostPattern::Any => HostPattern::Any,
    }
}

fn lower<'a>(host: &[u8], buffer: &'a mut [u8; HOST_BYTES_MAX]) -> Option<&'a [u8]> {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let name = buffer.get_mut(..host.len())?;
    name.copy_from_slice(host);
    name.make_ascii_lowercase();
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::super::paths::Site;
    use super::*;

    fn found(host: &str) -> Option<u32> {
        let mut hosts = Hosts::default();
        let below = |name: &str| HostPattern::Below(name.into());
        hosts.insert(HostPattern::Exact("example.com".into()), Site::empty(1));
        hosts.insert(below("example.com"), Site::empty(2));
        hosts.insert(below("deep.example.com"), Site::empty(3));
        hosts.insert(HostPattern::Exact("[::1]".into()), Site::empty(4));
        hosts.find(host.as_bytes(), |site: &Site| Some(site.index))
    }

    #[test]
    fn exact_then_longest_suffix() {
        for (host, site) in [
            ("example.com", Some(1)),
            ("EXAMPLE.com.", Some(1)),
            ("a.example.com", Some(2)),
            ("a.b.c.d.Example.Com", Some(2)),
            ("deep.example.com", Some(2)),
            ("a.deep.example.com.", Some(3)),
            ("[::1]", Some(4)),
            (".example.com", Some(2)),
            ("notexample.com", None),
            ("com", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(found(host), site, "{host}");
        }
        assert_eq!(found(&format!("{}.example.com", "a".repeat(300))), None);
    }
}
