//! Room 4: which route takes a request. Pure: no I/O, no clock, and nothing is allocated for a
//! match on exact paths and prefixes.
//!
//! The rules of precedence are told at [`Router`], what a path is before it is matched at
//! [`path`].

use std::net::IpAddr;

use http1::{Method, RequestHead};

use self::captures::Captures;
use self::guard::{Guard, Verdict};
pub(crate) use self::host::Hosts;
use self::paths::{Candidate, Paths, Site};

pub mod captures;
mod compile;
mod guard;
mod host;
mod near;
pub mod path;
mod paths;
mod pattern;
pub mod spec;

pub use self::compile::CompileFault;
pub use self::near::Miss;
pub use self::path::{Canonical, PathFault, Slashes, canonical};
pub use self::spec::{HostPattern, PathPattern, Predicate, RouteSpec};

/// All routes of a snapshot, compiled. The time of a match depends on the segments of the path
/// and the labels of the host, not on the number of routes or hosts.
///
/// # Precedence
///
/// The most specific route wins, and the order in the file never matters:
///
/// 1. **Host**: the exact name, else the longest `*.` name above it, else the site for any host.
///    The choice is final: a request that its site has no route for is not offered to another.
/// 2. **Path**: the exact path, else directories from the deepest up to the root. A prefix
///    belongs to its own directory; a regular expression to the one its text is anchored to
///    (`^/u/[0-9]+$` to `/u`, `\.php$` to the root). In one directory regular expressions come
///    before the prefix: those that begin with more literal bytes first, then those with the
///    longer shortest match, then by their text.
/// 3. **Conditions**: of routes with one path, the one with more predicates (all methods count
///    as one), then the one whose methods and predicates sort first as text.
///
/// A route whose conditions do not hold is passed over for the next most specific. If nothing is
/// left, and some route failed by nothing but its methods, the answer is 405 with the methods of
/// all such routes, else 404. Two routes of a host that ask for exactly the same do not compile.
///
/// An origin may or may not take `%2F` and `%5C` for separators. Where the two readings of a
/// path lead to different routes the request is refused ([`Outcome::Ambiguous`]), unless the
/// pattern of the route taken names the escape itself.
#[derive(Debug, Default)]
pub struct Router {
    hosts: Hosts<Site>,
    paths: Paths,
    guards: Vec<Guard>,
}

/// The number of a route: its place among the specs it was compiled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteIndex(pub u32);

/// A request as the router sees it.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Method, authority, query and fields.
    pub head: &'a RequestHead,
    /// The canonical path (see [`canonical`]).
    pub path: &'a [u8],
    /// The client, behind trusted proxies the one they name.
    pub client: IpAddr,
}

/// What the router says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This route takes it.
    Found(RouteIndex),
    /// No site serves the host: 421.
    NoHost,
    /// The site has no route for it: 404.
    NoRoute,
    /// Only the method is wrong: 405 with these in `Allow`, sorted by name.
    MethodNotAllowed(Vec<Method>),
    /// Origins may read the path in two ways that lead to different routes: 400.
    Ambiguous,
}

impl Router {
    /// Compiles routes; the place of each becomes its [`RouteIndex`]. Patterns are brought into
    /// canonical form under the same `slashes` as the paths of requests must be.
    pub fn compile(specs: &[RouteSpec], slashes: Slashes) -> Result<Self, CompileFault> {
        compile::compile(specs, slashes)
    }

    /// Finds the most specific route and what it captures.
    pub fn find(&self, query: &Query<'_>, captures: &mut Captures) -> Outcome {
        captures.clear();
        let Some(site) = self.hosts.find(query.head.host(), Some) else { return Outcome::NoHost };
        let hit = self.walk(site, query, query.path);
        if path::has_escaped_separator(query.path)
            && self.reads_otherwise(site, query, hit, captures)
        {
            return Outcome::Ambiguous;
        }
        let Some(hit) = hit else { return self.explain_miss(site, query) };
        self.capture(hit, query.path, captures);
        Outcome::Found(RouteIndex(hit.candidate.route))
    }

    /// The routes that may take requests for a host and a canonical path, by whatever else they
    /// ask for; the most specific first, up to the first that asks for nothing else.
    #[must_use]
    pub fn all_for(&self, host: &[u8], path: &[u8]) -> Vec<RouteIndex> {
        let Some(site) = self.hosts.find(host, Some) else { return Vec::new() };
        let mut found = Vec::new();
        for candidate in self.paths.trail(site, path).flat_map(|(_, candidates)| candidates) {
            let guard = self.guard(*candidate);
            if guard.is_none_or(|guard| guard.takes_path(path)) {
                found.push(RouteIndex(candidate.route));
                if guard.is_none_or(Guard::asks_for_path_alone) {
                    break;
                }
            }
        }
        found
    }

    fn walk(&self, site: &Site, query: &Query<'_>, path: &[u8]) -> Option<Hit> {
        for (matched_bytes, candidates) in self.paths.trail(site, path) {
            for &candidate in candidates {
                let guard = self.guard(candidate);
                if guard.is_none_or(|guard| guard.verdict(query, path) == Verdict::Holds) {
                    return Some(Hit { candidate, matched_bytes });
                }
            }
        }
        None
    }

    fn guard(&self, candidate: Candidate) -> Option<&Guard> {
        self.guards.get(candidate.guard? as usize)
    }

    fn capture(&self, hit: Hit, path: &[u8], captures: &mut Captures) {
        let by_regex = self.guard(hit.candidate).is_some_and(|guard| guard.capture(path, captures));
        if !by_regex {
            captures.set_rest(hit.matched_bytes + 1, path.len());
        }
    }

    /// Whether an origin that takes escaped separators for real ones is on another route.
    #[cold]
    fn reads_otherwise(
        &self,
        site: &Site,
        query: &Query<'_>,
        hit: Option<Hit>,
        captures: &mut Captures,
    ) -> bool {
        let taken = hit.map(|hit| hit.candidate);
        if taken.and_then(|taken| self.guard(taken)).is_some_and(|guard| guard.names_escapes) {
            return false;
        }
        path::unfold_separators(query.path, &mut captures.unfolded);
        let other = self.walk(site, query, &captures.unfolded);
        other.map(|hit| hit.candidate) != taken
    }

    /// 405 or 404: goes the way once more and gathers the methods that would have done.
    #[cold]
    fn explain_miss(&self, site: &Site, query: &Query<'_>) -> Outcome {
        let candidates = self.paths.trail(site, query.path).flat_map(|(_, found)| found);
        let mut allowed: Vec<Method> = candidates
            .filter_map(|candidate| self.guard(*candidate))
            .filter(|guard| guard.verdict(query, query.path) == Verdict::MethodMissed)
            .flat_map(|guard| guard.methods.iter().copied())
            .collect();
        if allowed.is_empty() {
            return Outcome::NoRoute;
        }
        if allowed.contains(&Method::Get) {
            allowed.push(Method::Head);
        }
        allowed.sort_unstable_by(|left, right| left.as_str().cmp(right.as_str()));
        allowed.dedup();
        Outcome::MethodNotAllowed(allowed)
    }
}

/// A candidate that holds, and how much of the path its anchor covers.
#[derive(Clone, Copy, Debug)]
struct Hit {
    candidate: Candidate,
    matched_bytes: usize,
}
