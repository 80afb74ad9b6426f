//! Which routes come near to a request, and why they do not take it: for people who look for the
//! reason. Nothing here decides anything; the verdicts are those of the router.

use std::cmp::Reverse;

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
        let is_on_the_way = |route: RouteIndex| near.iter().any(|(known, _)| *known == route);
        let mut others: Vec<(Reverse<usize>, RouteIndex)> = self
            .paths
            .of_site(site)
            .map(|(key, candidate)| (in_common(key, query.path), RouteIndex(candidate.route)))
            .filter(|(_, route)| !is_on_the_way(*route))
            // With a route found, one that has nothing but the root in common is not near.
            .filter(|(common, _)| taken.is_none() || *common > 1)
            .map(|(common, route)| (Reverse(common), route))
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
            spec(prefix("/zzz"), &[], Vec::new()),
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
}
