//! Which TLS connections of a listener are passed on as they are, and where to.

use std::collections::HashMap;

use super::hello::Hello;
use super::plan::ForwardPlan;
use crate::route::{HostPattern, Hosts};

/// The routes of a listener.
#[derive(Debug, Default)]
pub struct Passes {
    routes: Vec<PassRoute>,
    /// The numbers of the routes for each name.
    names: Hosts<Vec<u32>>,
}

/// One route.
#[derive(Debug)]
struct PassRoute {
    alpn: Vec<Vec<u8>>,
    forward: ForwardPlan,
}

impl Passes {
    /// These routes.
    #[must_use]
    pub fn new(written: Vec<(&config::PassRoute, ForwardPlan)>) -> Self {
        let mut passes = Self::default();
        let mut names: HashMap<HostPattern, Vec<u32>> = HashMap::new();
        for (number, (route, forward)) in (0..).zip(written) {
            for name in HostPattern::all_of(&route.names) {
                names.entry(name).or_default().push(number);
            }
            let alpn = route.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
            passes.routes.push(PassRoute { alpn, forward });
        }
        for (name, numbers) in names {
            passes.names.insert(name, numbers);
        }
        passes
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
        let name = hello.name.as_deref().unwrap_or_default();
        self.names.find(name.as_bytes(), |numbers| self.by_protocol(numbers, hello))
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
        let plan = |upstream| {
            let (label, connect_timeout) = (String::new(), Duration::ZERO);
            ForwardPlan { label, upstream, connect_timeout, tls: None }
        };
        let routes = (0..).zip(&config.listeners[0].pass_routes);
        Passes::new(routes.map(|(upstream, route)| (route, plan(upstream))).collect())
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
