//! The compiled paths of all sites: one hash table of exact paths and directories.
//!
//! A request path is looked up whole, then directory by directory from the deepest that its site
//! has to the root. The number of look-ups is bounded by the depth of the site's patterns and
//! does not grow with the number of routes.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// The deepest directory a pattern may have, in segments: the bits of [`Site::depths`].
pub(super) const DEPTH_MAX: usize = 63;

/// A route that may take a request, if its guard agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Index of the route among the specs.
    pub(super) route: u32,
    /// Index of its guard; `None` for a route that asks nothing more.
    pub(super) guard: Option<u32>,
}

/// Where a candidate hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// At this path alone.
    Exact,
    /// At this directory, and so at all paths in and below it.
    Below,
}

/// What is known of a site before any look-up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    /// Number of the site.
    pub(super) index: u32,
    /// Bit `n` is set when a directory of `n` segments has candidates.
    depths: u64,
    /// Bit `n` is set when an exact path of `n` bytes, modulo 64, has candidates.
    exact_lengths: u64,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Paths {
    nodes: HashTable<Node>,
    hasher: FixedState,
    keys: Vec<u8>,
    /// The candidates of nodes that have more than one.
    crowds: Vec<Box<[Candidate]>>,
}

/// A path or directory of one site and its candidates, the most specific first.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// Site and anchor in one number.
    scope: u32,
    key_start: u32,
    key_bytes: u32,
    candidates: Candidates,
}

/// Most nodes have one candidate; it stands in the node and spares a cache miss.
#[derive(Clone, Copy, Debug)]
enum Candidates {
    One(Candidate),
    Crowd(u32),
}

impl Site {
    pub(super) fn empty(index: u32) -> Self {
        Self { index, depths: 0, exact_lengths: 0 }
    }

    fn scope(&self, anchor: Anchor) -> u32 {
        self.index << 1 | u32::from(anchor == Anchor::Below)
    }

    fn note(&mut self, anchor: Anchor, key: &[u8]) {
        match anchor {
            Anchor::Exact => self.exact_lengths |= 1 << (key.len() % 64),
            Anchor::Below => self.depths |= 1 << depth(key).min(DEPTH_MAX),
        }
    }

    fn has_exact(&self, path: &[u8]) -> bool {
        self.exact_lengths >> (path.len() % 64) & 1 == 1
    }

    fn has_depth(&self, depth: usize) -> bool {
        self.depths >> depth.min(DEPTH_MAX) & 1 == 1
    }

    fn deepest(&self) -> Option<usize> {
        self.depths.checked_ilog2().map(|bit| bit as usize)
    }
}

impl Paths {
    /// Adds the candidates of one path or directory of a site, the most specific first.
    pub(super) fn insert(
        &mut self,
        site: &mut Site,
        anchor: Anchor,
        key: &[u8],
        candidates: &[Candidate],
    ) {
        let key_start = self.keys.len() as u32;
        self.keys.extend_from_slice(key);
        let candidates = self.keep(candidates);
        let scope = site.scope(anchor);
        let node = Node { scope, key_start, key_bytes: key.len() as u32, candidates };
        let Self { nodes, hasher, keys, .. } = self;
        let hash = |node: &Node| hasher.hash_one((node.scope, node.key(keys)));
        nodes.insert_unique(hash(&node), node, hash);
        site.note(anchor, key);
    }

    fn keep(&mut self, candidates: &[Candidate]) -> Candidates {
        if let [only] = candidates {
            return Candidates::One(*only);
        }
        self.crowds.push(candidates.into());
        Candidates::Crowd(self.crowds.len() as u32 - 1)
    }

    /// All candidates for a path, the most specific first.
    pub(super) fn trail<'a>(&'a self, site: &Site, path: &'a [u8]) -> Trail<'a> {
        let (depth, end) = site.deepest().map_or((None, 0), |deepest| deepest_end(path, deepest));
        Trail { paths: self, site: *site, path, exact: site.has_exact(path), depth, end, probes: 0 }
    }

    /// All candidates of a site, each with the path or directory that it hangs at.
    pub(super) fn of_site(&self, site: &Site) -> impl Iterator<Item = (&[u8], Candidate)> {
        let index = site.index;
        self.nodes.iter().filter(move |node| node.scope >> 1 == index).flat_map(|node| {
            let key = node.key(&self.keys);
            self.candidates(node).iter().map(move |candidate| (key, *candidate))
        })
    }

    fn candidates<'a>(&'a self, node: &'a Node) -> &'a [Candidate] {
        match &node.candidates {
            Candidates::One(only) => std::slice::from_ref(only),
            Candidates::Crowd(number) => {
                self.crowds.get(*number as usize).map(|crowd| &**crowd).unwrap_or_default()
            }
        }
    }

    fn look_up(&self, scope: u32, key: &[u8]) -> Option<&[Candidate]> {
        let hash = self.hasher.hash_one((scope, key));
        let node =
            self.nodes.find(hash, |node| node.scope == scope && node.key(&self.keys) == key)?;
        Some(self.candidates(node))
    }
}

impl Node {
    fn key<'a>(&self, keys: &'a [u8]) -> &'a [u8] {
        let start = self.key_start as usize;
        keys.get(start..start + self.key_bytes as usize).unwrap_or_default()
    }
}

/// The walk from a whole path up to the root. Yields the length of the matched part with its
/// candidates.
#[derive(Debug)]
pub(super) struct Trail<'a> {
    paths: &'a Paths,
    site: Site,
    path: &'a [u8],
    /// The whole path is still to be looked up.
    exact: bool,
    /// Segments of the next directory; `None` when the root is behind.
    depth: Option<usize>,
    /// Length of the next directory.
    end: usize,
    /// Number of look-ups so far.
    pub(super) probes: usize,
}

impl<'a> Iterator for Trail<'a> {
    type Item = (usize, &'a [Candidate]);

    fn next(&mut self) -> Option<Self::Item> {
        if std::mem::take(&mut self.exact)
            && let Some(candidates) = self.probe(Anchor::Exact, self.path)
        {
            return Some((self.path.len(), candidates));
        }
        while let Some(depth) = self.depth {
            let end = self.end;
            let directory = self.path.get(..end).unwrap_or_default();
            self.depth = depth.checked_sub(1);
            self.end = memchr::memrchr(b'/', directory).unwrap_or(0);
            if self.site.has_depth(depth)
                && let Some(candidates) = self.probe(Anchor::Below, directory)
            {
                return Some((end, candidates));
            }
        }
        None
    }
}

impl<'a> Trail<'a> {
    fn probe(&mut self, anchor: Anchor, key: &[u8]) -> Option<&'a [Candidate]> {
        self.probes += 1;
        self.paths.look_up(self.site.scope(anchor), key)
    }
}

/// The number of segments of a directory such as `/a/b`; the root is the empty text.
pub(super) fn depth(directory: &[u8]) -> usize {
    memchr::memchr_iter(b'/', directory).count()
}

/// The deepest directory of `path` that has at most `deepest` segments: its depth and length.
fn deepest_end(path: &[u8], deepest: usize) -> (Option<usize>, usize) {
    let mut segments = 0;
    for slash in memchr::memchr_iter(b'/', path) {
        if segments == deepest {
            return (Some(deepest), slash);
        }
        segments += 1;
    }
    (Some(segments), path.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(route: u32) -> Candidate {
        Candidate { route, guard: None }
    }

    fn trail(keys: &[(Anchor, &str)], path: &str) -> (Vec<(usize, u32)>, usize) {
        let mut paths = Paths::default();
        let mut site = Site::empty(7);
        for (number, (anchor, key)) in keys.iter().enumerate() {
            let only = candidate(number as u32);
            paths.insert(&mut site, *anchor, key.as_bytes(), &[only]);
        }
        let mut trail = paths.trail(&site, path.as_bytes());
        let found = trail.by_ref().map(|(end, found)| (end, found[0].route)).collect();
        (found, trail.probes)
    }

    #[test]
    fn directories_end_at_segments() {
        use Anchor::{Below, Exact};
        let keys = [(Below, ""), (Below, "/api"), (Below, "/api/v1/x"), (Exact, "/api/")];
        for (path, found) in [
            ("/", vec![(0, 0)]),
            ("/api", vec![(4, 1), (0, 0)]),
            ("/api/", vec![(5, 3), (4, 1), (0, 0)]),
            ("/api/v1", vec![(4, 1), (0, 0)]),
            ("/apix", vec![(0, 0)]),
            ("/api/v1/x", vec![(9, 2), (4, 1), (0, 0)]),
            ("/api/v1/x/y/z/", vec![(9, 2), (4, 1), (0, 0)]),
            ("/api/v1/xy", vec![(4, 1), (0, 0)]),
        ] {
            assert_eq!(trail(&keys, path).0, found, "{path}");
        }
    }

    #[test]
    fn depth_of_the_path_costs_nothing() {
        let deep = "/a".repeat(4000);
        assert_eq!(trail(&[(Anchor::Below, ""), (Anchor::Below, "/a/a")], &deep).1, 2);
        assert_eq!(trail(&[(Anchor::Exact, "/b")], &deep).1, 0);
        assert_eq!(trail(&[], "/"), (vec![], 0));
    }

    /// What `tests/route/scale.rs` cannot see: a thousand times the routes, the same look-ups.
    #[test]
    fn look_ups_do_not_grow_with_routes() {
        let probes = |sites: u32, routes: u32| {
            let mut paths = Paths::default();
            let mut first = Site::empty(0);
            for index in 0..sites {
                let mut site = Site::empty(index);
                for route in 0..routes {
                    let key = format!("/api/service{route}");
                    paths.insert(&mut site, Anchor::Below, key.as_bytes(), &[candidate(route)]);
                }
                if index == 0 {
                    first = site;
                }
            }
            let mut trail = paths.trail(&first, b"/api/service9/items/12345");
            assert_eq!(trail.next(), Some((13, &[candidate(9)][..])));
            assert_eq!(trail.next(), None);
            trail.probes
        };
        assert_eq!(probes(1, 10), 1);
        assert_eq!(probes(100, 100), 1);
    }
}
