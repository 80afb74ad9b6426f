//! Stores of responses, and how routes use them.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::{Predicate, Span};

/// One `cache` node of the top level: a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheStore {
    /// Its name; empty for the one that routes use where they name none.
    pub name: String,
    /// Bytes of memory, over all workers.
    pub memory_bytes_max: u64,
    /// Bytes of one object; a longer one is passed on and not kept.
    pub object_bytes_max: u64,
    /// Bytes of memory for the rules of `No-Vary-Search`.
    pub no_vary_search_bytes_max: u64,
    /// What lies below the memory.
    pub disk: Option<CacheDisk>,
    /// Where the node is; absent for the store that is there unasked.
    pub span: Option<Span>,
}

/// The disk below a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheDisk {
    /// The directory, which the store alone uses. It is made where it is missing.
    pub directory: PathBuf,
    /// Bytes of all files together.
    pub bytes_max: u64,
    /// Bytes of memory for what waits to be written; beyond it, it is left out.
    pub queue_bytes_max: u64,
}

impl CacheStore {
    /// The store without a name where the configuration does not say what it is like.
    #[must_use]
    pub fn unnamed() -> Self {
        Self {
            name: String::new(),
            memory_bytes_max: 256 << 20,
            object_bytes_max: 64 << 20,
            no_vary_search_bytes_max: 1 << 20,
            disk: None,
            span: None,
        }
    }
}

/// The `cache` of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteCache {
    /// The store's name.
    pub store: String,
    /// The lifetime of responses that give themselves none.
    pub ttl: Option<Duration>,
    /// The lifetime of all responses, whatever they say.
    pub override_ttl: Option<Duration>,
    /// The lifetime of errors that give themselves none.
    pub error_ttl: Option<Duration>,
    /// Use of stale responses while they are validated, where they do not say.
    pub stale_while_revalidate: Option<Duration>,
    /// Use of stale responses where the origin fails, where they do not say.
    pub stale_if_error: Option<Duration>,
    /// `Cache-Status` is sent.
    pub status: bool,
    /// It tells the key.
    pub shows_key: bool,
    /// `Cache-Control` of requests counts.
    pub client_directives: bool,
    /// What responses are known by.
    pub key: CacheKey,
    /// Requests that go past the cache: all conditions of one of these hold.
    pub bypass: Vec<Vec<Predicate>>,
    /// Bytes of a POST's body by which its response is known; absent where POST is not cached.
    pub post_body_bytes_max: Option<u64>,
    /// Who may send `PURGE`.
    pub purge_from: Vec<IpNet>,
    /// Where the node is.
    pub span: Span,
}

/// What responses are known by, beside scheme, host and path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheKey {
    /// The order of parameters does not matter.
    pub sort_query: bool,
    /// The only parameters that count, where there are any.
    pub query_allow: Vec<String>,
    /// Parameters that do not count.
    pub query_deny: Vec<String>,
    /// Fields that count, in lower case.
    pub headers: Vec<String>,
    /// Cookies that count.
    pub cookies: Vec<String>,
    /// The class of device counts, and is told the origin in this field.
    pub device_header: Option<String>,
}
