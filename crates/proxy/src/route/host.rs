//! From the name in a request to the site that serves it.

use hashbrown::HashMap;

use super::HostPattern;
use super::paths::Site;

/// The longest name looked up, in bytes (RFC 1035 §2.3.4 allows 253, and IP literals are
/// shorter); a longer one is nobody's and falls to the site that serves every host.
const HOST_BYTES_MAX: usize = 255;

type Names = HashMap<Box<[u8]>, Site, foldhash::fast::FixedState>;

/// The sites by host.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    exact: Names,
    below: Names,
    /// Labels of the longest name in `below`; suffixes with more need no look.
    below_labels_max: usize,
    any: Option<Site>,
}

impl Hosts {
    /// Adds a host; its name is lower case already (see [`normal`]).
    pub(super) fn insert(&mut self, host: HostPattern, site: Site) {
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

    /// The site for a host without its port: by exact name, by the longest name it lies below,
    /// or the one for any host.
    pub(super) fn site(&self, host: &[u8]) -> Option<&Site> {
        let mut buffer = [0; HOST_BYTES_MAX];
        let Some(name) = lower(host, &mut buffer) else { return self.any.as_ref() };
        self.exact.get(name).or_else(|| self.site_above(name)).or(self.any.as_ref())
    }

    fn site_above(&self, name: &[u8]) -> Option<&Site> {
        if self.below.is_empty() {
            return None;
        }
        let skipped = memchr::memchr_iter(b'.', name).count().saturating_sub(self.below_labels_max);
        memchr::memchr_iter(b'.', name)
            .skip(skipped)
            .find_map(|dot| self.below.get(name.get(dot + 1..)?))
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
    use super::*;

    fn found(host: &str) -> Option<u32> {
        let mut hosts = Hosts::default();
        let below = |name: &str| HostPattern::Below(name.into());
        hosts.insert(HostPattern::Exact("example.com".into()), Site::empty(1));
        hosts.insert(below("example.com"), Site::empty(2));
        hosts.insert(below("deep.example.com"), Site::empty(3));
        hosts.insert(HostPattern::Exact("[::1]".into()), Site::empty(4));
        hosts.site(host.as_bytes()).map(|site| site.index)
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
