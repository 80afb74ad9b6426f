//! What a route answers to, as the router's compiler takes it: names are text, nothing is
//! indexed yet.

use std::fmt;

use http1::Method;
use ipnet::IpNet;

/// One route: it takes a request when one of `hosts`, the `path`, one of `methods` and all of
/// `predicates` fit.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSpec {
    /// The hosts of its site; one that is listed twice counts once.
    pub hosts: Vec<HostPattern>,
    /// The paths.
    pub path: PathPattern,
    /// The methods; none means every method. `GET` stands for `HEAD` too (RFC 9110 §9.3.2).
    pub methods: Vec<Method>,
    /// What else must hold.
    pub predicates: Vec<Predicate>,
}

/// The hosts a site serves. Case and a trailing dot are ignored; there is no port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// `example.com`
    Exact(String),
    /// `*.example.com`, held as `example.com`: every name below it, at any depth, not itself.
    Below(String),
    /// Every host that no other pattern names.
    Any,
}

/// The paths a route serves, in the canonical form or any spelling of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathPattern {
    /// `=/robots.txt`: this path alone.
    Exact(String),
    /// `/api/*`, held as `/api`: the path itself and all below it. The empty text is `/*`.
    Prefix(String),
    /// `~^/u/(?<id>[0-9]+)$`: a regular expression searched for in the canonical path.
    Regex(String),
}

/// A condition on the request beyond host, path and method.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Predicate {
    /// A field with this name, and if given with exactly this value.
    Header {
        /// The field name, in any case.
        name: String,
        /// The value of at least one such field; `None` asks only for the field.
        value: Option<String>,
    },
    /// A query parameter, compared percent-decoded.
    Query {
        /// The decoded name.
        name: String,
        /// The decoded value of at least one such parameter.
        value: Option<String>,
    },
    /// A cookie.
    Cookie {
        /// The name.
        name: String,
        /// The value of at least one such cookie.
        value: Option<String>,
    },
    /// The client's address lies in this network.
    Client(IpNet),
}

impl PathPattern {
    /// The number of a named group in a regular expression, for
    /// [`Captures::group`](super::captures::Captures::group). Compiles the expression: to be
    /// asked when a configuration is compiled, not per request.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<usize> {
        let Self::Regex(text) = self else { return None };
        let regex = regex::bytes::Regex::new(text).ok()?;
        regex.capture_names().position(|group| group == Some(name))
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => write!(f, "={path}"),
            Self::Prefix(path) => write!(f, "{path}/*"),
            Self::Regex(pattern) => write!(f, "~{pattern}"),
        }
    }
}

impl HostPattern {
    /// The patterns of a list; an empty one stands for every host.
    #[must_use]
    pub fn all_of(written: &[config::HostPattern]) -> Vec<Self> {
        let named: Vec<_> = written.iter().map(Self::from).collect();
        if named.is_empty() { vec![Self::Any] } else { named }
    }
}

impl From<&config::HostPattern> for HostPattern {
    fn from(written: &config::HostPattern) -> Self {
        match written {
            config::HostPattern::Exact(host) => Self::Exact(host.clone()),
            config::HostPattern::Wildcard(suffix) => {
                Self::Below(suffix.trim_start_matches('.').to_owned())
            }
        }
    }
}

impl From<&config::Predicate> for Predicate {
    fn from(written: &config::Predicate) -> Self {
        let wanted = |value: &config::ValueMatch| match value {
            config::ValueMatch::Any => None,
            config::ValueMatch::Exact(text) => Some(text.clone()),
        };
        match written {
            config::Predicate::Header { name, value } => {
                Self::Header { name: name.clone(), value: wanted(value) }
            }
            config::Predicate::Query { name, value } => {
                Self::Query { name: name.clone(), value: wanted(value) }
            }
            config::Predicate::Cookie { name, value } => {
                Self::Cookie { name: name.clone(), value: wanted(value) }
            }
            config::Predicate::Client(network) => Self::Client(*network),
        }
    }
}
