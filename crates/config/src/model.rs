//! What the user wrote, typed and checked. Nothing here knows the runtime; the proxy
//! compiles it into its Snapshot. Every part keeps the span it was written at.

mod action;
mod balance;
mod cache;
mod compress;
mod discover;
mod h2;
mod health;
mod key;
mod layer4;
mod limits;
mod listener;
mod log;
mod policy;
mod shaping;
mod site;
mod span;
mod template;
mod tls;
mod upstream;

use ipnet::IpNet;

pub use action::{
    Action, ErrorPage, ErrorPageBody, HeaderOp, HostPolicy, Proxy, Redirect, Respond, Rewrite,
};
pub use balance::{Eject, Hedge, Policy, Retry, RetryOn, SameSite, Sticky};
pub use cache::{CacheDisk, CacheKey, CacheStore, RouteCache};
pub use compress::{Coding, Compress, MediaPattern, SubtypePattern};
pub use discover::{AddressFamily, Discovery, DiscoverySource, Resolving, ServerDocument};
pub use h2::Http2;
pub use health::{HealthCheck, HttpProbe, InitialHealth, ProbeKind};
pub use key::HashKey;
pub use layer4::{Forward, ListenerProtocol, PassRoute, ProxyPeer, ProxyVersion};
pub use limits::{Limits, RouteLimits, RouteTimeouts, Timeouts};
pub use listener::{ListenAddress, Listener, Protocols, RedirectHttps};
pub use log::{AccessLog, LogField, LogFormat, LogSegment, LogTarget};
pub use policy::{Admin, PathForward, PathPolicy, RequestIdMode, RequestIdPolicy};
pub use shaping::{Failover, Maintenance, Mirror, Split, SplitTarget};
pub use site::{HostPattern, PathPattern, Predicate, Route, Site, ValueMatch};
pub use span::{FileId, Location, Source, Sources, Span};
pub use template::{Placeholder, Template, TemplateSegment, TlsValue};
pub use tls::{
    Certificate, CertificateDirectory, ClientAuth, Hsts, Tls, TlsPolicy, TlsVersion, UnknownName,
    UpstreamTls,
};
pub use upstream::{
    Balance, CircuitBreaker, Connections, Server, ServerAddress, Upstream, UpstreamProtocol,
    UpstreamTimeouts,
};

use crate::report::Diagnostic;

/// A whole configuration: every file read, every default filled in, every name checked.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where Weir accepts connections; at least one after a successful load.
    pub listeners: Vec<Listener>,
    /// Peers whose forwarding fields (`Forwarded`, `X-Forwarded-*`) are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Limits of the whole process.
    pub limits: Limits,
    /// Timeouts of the client side and of shutdown.
    pub timeouts: Timeouts,
    /// What HTTP/2 connections may cost.
    pub h2: Http2,
    /// Named groups of origin servers, in file order.
    pub upstreams: Vec<Upstream>,
    /// Stores of responses.
    pub caches: Vec<CacheStore>,
    /// Sites with their routes, in file order; the order carries no meaning.
    pub sites: Vec<Site>,
    /// Access logs; none means that requests are not logged.
    pub access_logs: Vec<AccessLog>,
    /// The admin listener, where one is configured.
    pub admin: Option<Admin>,
    /// What happens to the request id.
    pub request_id: RequestIdPolicy,
    /// Number of workers; `None` means one for each core that the process may use.
    pub workers: Option<u16>,
    /// Where this process runs, to prefer servers that are near.
    pub zone: Option<String>,
    /// How the names of servers are looked up.
    pub resolving: Resolving,
    /// How paths are made canonical before they are matched.
    pub path: PathPolicy,
    /// The text of every file, for messages that point into them.
    pub sources: Sources,
    /// What is allowed and yet looks wrong.
    pub warnings: Vec<Diagnostic>,
}

impl Config {
    /// The upstream of that name.
    #[must_use]
    pub fn upstream(&self, name: &str) -> Option<&Upstream> {
        self.upstreams.iter().find(|upstream| upstream.name == name)
    }
}
