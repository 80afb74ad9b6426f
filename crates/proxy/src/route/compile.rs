//! From route specs to the router: every spec gets a rank, every host its site, every site its
//! paths.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use super::guard::Guard;
use super::host;
use super::path::Slashes;
use super::paths::{self, Anchor, Candidate, Paths, Site};
use super::pattern::{Pattern, PatternFault};
use super::{HostPattern, PathFault, Predicate, RouteIndex, RouteSpec, Router};

/// Why a set of routes does not compile.
#[derive(Debug)]
pub enum CompileFault {
    /// The path of a route is none.
    Path(RouteIndex, PathFault),
    /// The regular expression of a route does not compile.
    Regex(RouteIndex, Box<regex::Error>),
    /// The path of a route has more than 63 segments.
    TooDeep(RouteIndex),
    /// Two routes of one host ask for exactly the same, so neither is more specific.
    Duplicate(RouteIndex, RouteIndex),
}

pub(super) fn compile(specs: &[RouteSpec], slashes: Slashes) -> Result<Router, CompileFault> {
    let mut drafts = Vec::with_capacity(specs.len());
    for (number, spec) in specs.iter().enumerate() {
        drafts.push(Draft::new(RouteIndex(number as u32), spec, slashes)?);
    }
    drafts.sort_unstable_by(|left, right| left.rank.cmp(&right.rank));
    let sites = group_by_site(&drafts, specs)?;
    let mut router = Router::default();
    let placed =
        drafts.into_iter().map(|draft| draft.place(&mut router.guards)).collect::<Vec<_>>();
    for (index, (members, hosts)) in sites.into_iter().enumerate() {
        let site = lay_paths(&mut router.paths, index as u32, &members, &placed);
        for host in hosts {
            router.hosts.insert(host, site);
        }
    }
    Ok(router)
}

/// One spec on its way through the compiler.
struct Draft {
    route: RouteIndex,
    anchor: Anchor,
    rank: Rank,
    guard: Guard,
}

/// The order of precedence, field by field; less is more specific. The rules are told in
/// [`Router`].
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    inexact: bool,
    key: Reverse<(usize, Vec<u8>)>,
    prefix: bool,
    literal_bytes: Reverse<usize>,
    match_bytes_min: Reverse<usize>,
    regex_text: String,
    condition_count: Reverse<usize>,
    methods: Vec<String>,
    predicates: Vec<Predicate>,
}

/// A draft with its guard put away.
struct Placed {
    anchor: Anchor,
    key: Vec<u8>,
    candidate: Candidate,
}

impl Draft {
    fn new(route: RouteIndex, spec: &RouteSpec, slashes: Slashes) -> Result<Self, CompileFault> {
        let pattern = Pattern::read(&spec.path, slashes).map_err(|fault| match fault {
            PatternFault::Path(fault) => CompileFault::Path(route, fault),
            PatternFault::Regex(fault) => CompileFault::Regex(route, fault),
        })?;
        if pattern.anchor == Anchor::Below && paths::depth(&pattern.key) > paths::DEPTH_MAX {
            return Err(CompileFault::TooDeep(route));
        }
        let predicates = distinct(spec.predicates.iter().map(Predicate::normal));
        let rank = Rank::new(&pattern, spec, predicates.clone());
        let guard = Guard {
            regex: pattern.regex,
            methods: spec.methods.as_slice().into(),
            predicates: predicates.into(),
            names_escapes: pattern.names_escapes,
        };
        Ok(Self { route, anchor: pattern.anchor, rank, guard })
    }

    fn place(self, guards: &mut Vec<Guard>) -> Placed {
        let guard = (!self.guard.is_open()).then_some(guards.len() as u32);
        guards.extend(guard.map(|_| self.guard));
        let candidate = Candidate { route: self.route.0, guard };
        Placed { anchor: self.anchor, key: self.rank.key.0.1, candidate }
    }
}

impl Rank {
    fn new(pattern: &Pattern, spec: &RouteSpec, predicates: Vec<Predicate>) -> Self {
        let methods = distinct(spec.methods.iter().map(ToString::to_string));
        Self {
            inexact: pattern.anchor != Anchor::Exact,
            key: Reverse((pattern.key.len(), pattern.key.clone())),
            prefix: pattern.regex.is_none(),
            literal_bytes: Reverse(pattern.literal_bytes),
            match_bytes_min: Reverse(pattern.match_bytes_min),
            regex_text: pattern.regex.as_ref().map(ToString::to_string).unwrap_or_default(),
            condition_count: Reverse(predicates.len() + usize::from(!methods.is_empty())),
            methods,
            predicates,
        }
    }
}

fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// The drafts of a site, by position in their order.
type Members = Vec<usize>;

/// Hosts that have the same routes share a site, so a site with many names is laid out once.
fn group_by_site(
    drafts: &[Draft],
    specs: &[RouteSpec],
) -> Result<BTreeMap<Members, Vec<HostPattern>>, CompileFault> {
    let mut by_host: BTreeMap<HostPattern, Members> = BTreeMap::new();
    for (position, draft) in drafts.iter().enumerate() {
        let spec = specs.get(draft.route.0 as usize);
        for host in distinct(spec.into_iter().flat_map(RouteSpec::normal_hosts)) {
            by_host.entry(host).or_default().push(position);
        }
    }
    let mut sites: BTreeMap<Members, Vec<HostPattern>> = BTreeMap::new();
    for (host, members) in by_host {
        refuse_duplicates(&members, drafts)?;
        sites.entry(members).or_default().push(host);
    }
    Ok(sites)
}

/// Equal ranks stand side by side.
fn refuse_duplicates(members: &[usize], drafts: &[Draft]) -> Result<(), CompileFault> {
    for pair in members.windows(2) {
        let &[left, right] = pair else { continue };
        if let (Some(left), Some(right)) = (drafts.get(left), drafts.get(right))
            && left.rank == right.rank
        {
            let (first, second) = (left.route.min(right.route), left.route.max(right.route));
            return Err(CompileFault::Duplicate(first, second));
        }
    }
    Ok(())
}

/// Members with one anchor and key stand side by side too, and become one node.
fn lay_paths(paths: &mut Paths, index: u32, members: &[usize], placed: &[Placed]) -> Site {
    let mut site = Site::empty(index);
    let members: Vec<&Placed> = members.iter().filter_map(|at| placed.get(*at)).collect();
    for node in members.chunk_by(|left, right| left.anchor == right.anchor && left.key == right.key)
    {
        if let Some(first) = node.first() {
            let candidates: Vec<Candidate> = node.iter().map(|placed| placed.candidate).collect();
            paths.insert(&mut site, first.anchor, &first.key, &candidates);
        }
    }
    site
}

impl RouteSpec {
    fn normal_hosts(&self) -> Vec<HostPattern> {
        if self.hosts.is_empty() {
            return vec![HostPattern::Any];
        }
        self.hosts.iter().map(host::normal).collect()
    }
}

impl fmt::Display for CompileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(_, fault) => write!(f, "not a path: {}", fault.code()),
            Self::Regex(_, fault) => write!(f, "not a regular expression: {fault}"),
            Self::TooDeep(_) => write!(f, "more than {} path segments", paths::DEPTH_MAX),
            Self::Duplicate(..) => f.write_str("two routes of one host ask for the same"),
        }
    }
}

impl std::error::Error for CompileFault {}
