//! Which TLS connections of a listener are passed on as they are, and where to.

use std::collections::HashMap;

use super::hello::Hello;
use super::plan::ForwardPlan;

/// The routes of a listener.
#[derive(Debug, Default)]
pub struct Passes {
    routes: Vec<PassRoute>,
    exact: HashMap<String, Vec<u32>>,
    /// By what follows the first label.
    below: HashMap<String, Vec<u32>>,
    any: Vec<u32>,
}

/// One route.
#[derive(Debug)]
struct PassRoute {
    alpn: Vec<Vec<u8>>,
    forward: ForwardPlan,
}

impl Passes {
    /// Adds a route.
    pub fn add(&mut self, route: &config::PassRoute, forward: ForwardPlan) {
        let number = u32::try_from(self.routes.len()).unwrap_or(u32::MAX);
        for name in &route.names {
            match name {
                config::HostPattern::Exact(name) => {
                    self.exact.entry(name.clone()).or_default().push(number);
                }
                config::HostPattern::Wildcard(suffix) => {
                    let above = suffix.trim_start_matches('.').to_owned();
                    self.below.entry(above).or_default().push(number);
                }
            }
        }
        if route.names.is_empty() {
            self.any.push(number);
        }
        let alpn = route.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
        self.routes.push(PassRoute { alpn, forward });
    }

    /// Whether nothing is passed on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Where a route leads.
    #[must_use]
    pub fn at(&self, number: u32) -> Option<&ForwardPlan> {
        self.routes.get(number as usize).map(|route| &route.forward)
    }

    /// The route for what a client asks for: by the most specific name, then by protocol.
    #[must_use]
    pub fn find(&self, hello: &Hello) -> Option<u32> {
        let name = hello.name.as_deref();
        let exact = name.and_then(|name| self.exact.get(name));
        let above = name.into_iter().flat_map(|name| {
            name.match_indices('.').filter_map(|(dot, _)| self.below.get(name.get(dot + 1..)?))
        });
        let lists = exact.into_iter().chain(above).chain([&self.any]);
        lists.into_iter().find_map(|numbers| self.by_protocol(numbers, hello))
    }

    fn by_protocol(&self, numbers: &[u32], hello: &Hello) -> Option<u32> {
        let alpn = |number: &u32| self.routes.get(*number as usize).map(|route| &route.alpn);
        let offered = |number: &&u32| {
            alpn(number).is_some_and(|alpn| alpn.iter().any(|own| hello.alpn.contains(own)))
        };
        let open = |number: &&u32| alpn(number).is_some_and(Vec::is_empty);
        numbers.iter().find(offered).or_else(|| numbers.iter().find(open)).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn passes(routes: &str) -> Passes {
        let text = format!(
            "listen \":443\" protocol=\"tls-passthrough\" {{\n{routes}\n}}\n\
             upstream \"a\" {{ server \"10.0.0.1:1\"; }}"
        );
        let config = config::load_text("test", &text).unwrap();
        let mut passes = Passes::default();
        for (upstream, route) in (0..).zip(&config.listeners[0].pass_routes) {
            let connect_timeout = Duration::ZERO;
            let label = String::new();
            passes.add(route, ForwardPlan { label, upstream, connect_timeout, tls: None });
        }
        passes
    }

    fn hello(name: &str, alpn: &[&str]) -> Hello {
        let name = (!name.is_empty()).then(|| name.to_owned());
        Hello { name, alpn: alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect() }
    }

    #[test]
    fn the_most_specific_route_wins() {
        let passes = passes(
            "route { proxy \"a\"; }\n\
             route sni=\"*.example.com\" { proxy \"a\"; }\n\
             route sni=\"*.db.example.com\" \"db.example.com\" { proxy \"a\"; }\n\
             route sni=\"db.example.com\" alpn=\"postgresql\" { proxy \"a\"; }\n\
             route sni=\"only.test\" alpn=\"h3\" { proxy \"a\"; }",
        );
        let found = |name: &str, alpn: &[&str]| passes.find(&hello(name, alpn)).unwrap();
        assert_eq!(found("", &[]), 0);
        assert_eq!(found("example.com", &[]), 0, "a wildcard is for what lies below");
        assert_eq!(found("x.example.com", &[]), 1);
        assert_eq!(found("a.b.example.com", &[]), 1);
        assert_eq!(found("x.db.example.com", &["postgresql"]), 2);
        assert_eq!(found("db.example.com", &["h2"]), 2);
        assert_eq!(found("db.example.com", &["h2", "postgresql"]), 3);
        assert_eq!(found("only.test", &["h2"]), 0, "the route asks for more");
    }

    #[test]
    fn without_a_route_there_is_none() {
        let passes = passes("route sni=\"a.test\" { proxy \"a\"; }");
        assert_eq!(passes.find(&hello("b.test", &[])), None);
        assert_eq!(passes.find(&hello("", &[])), None);
    }
}
