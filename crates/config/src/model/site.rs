//! What goes where: sites, routes and what a request must look like to match.

use std::fmt;

use ipnet::IpNet;

use super::{
    Action, Compress, ErrorPage, HeaderOp, Hsts, Maintenance, Mirror, Rewrite, RouteCache,
    RouteLimits, RouteTimeouts, Span,
};

/// One `site` node: the routes of some hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The hosts it serves; empty means every host.
    pub hosts: Vec<HostPattern>,
    /// Its routes, in file order.
    pub routes: Vec<Route>,
    /// Pages for errors that no route of the site has a page for.
    pub error_pages: Vec<ErrorPage>,
    /// Browsers are told to come encrypted only.
    pub hsts: Option<Hsts>,
    /// Where the node is.
    pub span: Span,
}

/// A host that a site serves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// One host name or address, in lower case, without port.
    Exact(String),
    /// Any host that ends with this suffix, which starts with a dot (`.example.com`).
    Wildcard(String),
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Wildcard(suffix) => write!(f, "*{suffix}"),
        }
    }
}

/// One `route` node: match, then middlewares, then one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The path it matches.
    pub path: PathPattern,
    /// Methods it matches; empty means every method.
    pub methods: Vec<String>,
    /// What else must hold; all of them.
    pub predicates: Vec<Predicate>,
    /// How the forwarded target changes.
    pub rewrite: Option<Rewrite>,
    /// Edits of the request's fields, in order.
    pub request_headers: Vec<HeaderOp>,
    /// Edits of the response's fields, in order.
    pub response_headers: Vec<HeaderOp>,
    /// Limits that replace the process-wide ones.
    pub limits: RouteLimits,
    /// Timeouts that replace the upstream's.
    pub timeouts: RouteTimeouts,
    /// Pages for errors of this route, before those of the site.
    pub error_pages: Vec<ErrorPage>,
    /// gRPC-Web is translated to gRPC for the origin.
    pub grpc_web: bool,
    /// Copies of its requests go elsewhere too.
    pub mirror: Option<Mirror>,
    /// Its responses are kept.
    pub cache: Option<RouteCache>,
    /// Its responses are compressed; as its site says where the route says nothing.
    pub compress: Option<Compress>,
    /// It is closed for a while; that of its site where the route says nothing.
    pub maintenance: Option<Maintenance>,
    /// What answers.
    pub action: Action,
    /// Where the node is.
    pub span: Span,
}

/// The path of a route. Paths are compared in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathPattern {
    /// Exactly this path.
    Exact(String),
    /// This path without its final slash, and everything below it. `/api/*` is kept as
    /// `/api` and matches `/api`, `/api/` and `/api/x`; `/*` is kept as the empty string.
    Prefix(String),
    /// A regular expression, tried on the path; it is anchored only where it says so.
    Regex(String),
}

/// The pattern as it is written in a file; it serves as the route's label.
impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => write!(f, "={path}"),
            Self::Prefix(path) => write!(f, "{path}/*"),
            Self::Regex(pattern) => write!(f, "~{pattern}"),
        }
    }
}

/// One condition of a `match` node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Predicate {
    /// A request field.
    Header {
        /// The field name, in lower case.
        name: String,
        /// What its value must be.
        value: ValueMatch,
    },
    /// A parameter of the query.
    Query {
        /// The parameter's name; case matters.
        name: String,
        /// What its value must be.
        value: ValueMatch,
    },
    /// A cookie.
    Cookie {
        /// The cookie's name; case matters.
        name: String,
        /// What its value must be.
        value: ValueMatch,
    },
    /// The client's address, after trusted proxies are taken away.
    Client(IpNet),
}

/// What a value must be for a predicate to hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ValueMatch {
    /// Present, with any value.
    Any,
    /// Present, with exactly this value.
    Exact(String),
}
