//! Which routes come near to a request, and why they do not take it: for people who look for the
//! reason. Nothing here decides anything; the verdicts are those of the router.

use std::cmp::Reverse;
use std::collections::HashSet;

use http1::Method;

use super::{Predicate, Query, RouteIndex, Router};

/// Why a route does not take a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// Its site serves other hosts.
    Host,
    /// It is for other paths.
    Path,
    /// It is for these methods.
    Method(Vec<Method>),
    /// This does not hold.
    Condition(Predicate),
    /// It would, but another one is more specific.
    LessSpecific,
}

/// Routes on the way of a request that are told of.
const ON_THE_WAY_MAX: usize = 20;

impl Router {
    /// The routes of the host that lie on the way of a request, without `taken`, 20 at the most and
    /// the most specific ones first; then up to `more` others, those with the most of the path in
    /// common first.
    #[must_use]
    pub fn near(
        &self,
        query: &Query<'_>,
        taken: Option<RouteIndex>,
        more: usize,
    ) -> Vec<(RouteIndex, Miss)> {
        let Some(site) = self.hosts.find(query.head.host(), Some) else { return Vec::new() };
        let trail = self.paths.trail(site, query.path);
        let on_the_way = trail.flat_map(|(_, candidates)| candidates);
        let mut near: Vec<(RouteIndex, Miss)> = on_the_way
            .map(|candidate| {
                let guard = self.guard(*candidate);
                let miss = guard.and_then(|guard| guard.miss(query, query.path));
                (RouteIndex(candidate.route), miss.unwrap_or(Miss::LessSpecific))
            })
            .collect();
        let known: HashSet<RouteIndex> = near.iter().map(|(route, _)| *route).collect();
        let mut others: Vec<(Reverse<usize>, RouteIndex)> = self
            .paths
            .of_site(site)
            // With a route found, one in another directory of the root is not near.
            .filter(|(key, _)| taken.is_none() || first_segment(key) == first_segment(query.path))
            .map(|(key, candidate)| {
                (Reverse(in_common(key, query.path)), RouteIndex(candidate.route))
            })
            .filter(|(_, route)| !known.contains(route))
            .collect();
        others.sort_unstable();
        near.retain(|(route, _)| Some(*route) != taken);
        near.truncate(ON_THE_WAY_MAX);
        near.extend(others.into_iter().take(more).map(|(_, route)| (route, Miss::Path)));
        near
    }
}

/// Bytes that two paths begin with alike.
fn in_common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

fn first_segment(path: &[u8]) -> Option<&[u8]> {
    path.split(|byte| *byte == b'/').nth(1)
}

#[cfg(test)]
mod tests {
    use http1::RequestHead;

    use super::super::captures::Captures;
    use super::super::{HostPattern, Outcome, PathPattern, RouteSpec, Slashes};
    use super::*;

    fn spec(path: PathPattern, methods: &[&str], predicates: Vec<Predicate>) -> RouteSpec {
        let methods = methods.iter().filter_map(|name| Method::parse(name.as_bytes())).collect();
        RouteSpec { hosts: vec![HostPattern::Any], path, methods, predicates }
    }

    #[test]
    fn each_comes_with_its_reason() {
        let prefix = |path: &str| PathPattern::Prefix(path.to_owned());
        let plan = Predicate::Cookie { name: "plan".to_owned(), value: None };
        let specs = [
            spec(prefix(""), &[], Vec::new()),
            spec(prefix("/a"), &["GET"], Vec::new()),
            spec(prefix("/a"), &[], vec![plan.clone()]),
            spec(PathPattern::Regex("^/a/[0-9]+$".to_owned()), &[], Vec::new()),
            spec(PathPattern::Exact("/a/other".to_owned()), &[], Vec::new()),
            spec(prefix("/abc"), &[], Vec::new()),
        ];
        let router = Router::compile(&specs, Slashes::Merge).unwrap();
        let mut head = RequestHead { method: Method::Post, ..RequestHead::default() };
        let client = [127, 0, 0, 1].into();
        let find = |head: &RequestHead| {
            let query = Query { head, path: b"/a/o", client };
            let Outcome::Found(taken) = router.find(&query, &mut Captures::new()) else {
                panic!("no route")
            };
            (taken.0, router.near(&query, Some(taken), 5))
        };
        let route = RouteIndex;
        let expected = vec![
            (route(3), Miss::Path),
            (route(2), Miss::Condition(plan.clone())),
            (route(1), Miss::Method(vec![Method::Get])),
            (route(4), Miss::Path),
        ];
        assert_eq!(find(&head), (0, expected));
        head.method = Method::Get;
        let expected = vec![
            (route(3), Miss::Path),
            (route(2), Miss::Condition(plan)),
            (route(0), Miss::LessSpecific),
            (route(4), Miss::Path),
        ];
        assert_eq!(find(&head), (1, expected));
    }

    #[test]
    fn it_is_told_of_a_few_only() {
        let crowd = |at| spec(PathPattern::Regex(format!("^/[0-9]+/{at}$")), &[], Vec::new());
        let other = |at| spec(PathPattern::Exact(format!("/a/{at}")), &[], Vec::new());
        let specs: Vec<_> = (0..50).map(crowd).chain((0..50).map(other)).collect();
        let router = Router::compile(&specs, Slashes::Merge).unwrap();
        let head = RequestHead::default();
        let query = Query { head: &head, path: b"/a/b", client: [127, 0, 0, 1].into() };
        assert_eq!(router.near(&query, None, 5).len(), ON_THE_WAY_MAX + 5);
    }
}
