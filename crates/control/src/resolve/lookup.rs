//! One question to the DNS: the addresses of a name in one family.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};

/// Tries after the first, each at most as long as the time limit.
const RETRIES: usize = 1;

/// The family of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// What came of a question.
#[derive(Debug)]
pub(super) enum Answer {
    /// There are addresses.
    Found(Found),
    /// The DNS says that there is none of this family.
    Nothing(Family),
    /// No answer, or none that can be used.
    Failed(String),
}

/// Addresses of a name.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) family: Family,
    pub(super) addresses: Vec<IpAddr>,
    /// How long they may be used.
    pub(super) ttl: Duration,
}

impl Answer {
    pub(super) fn found(&self) -> Option<&Found> {
        match self {
            Self::Found(found) => Some(found),
            Self::Nothing(_) | Self::Failed(_) => None,
        }
    }
}

/// Asks these name servers, or those of the system where there are none.
pub(super) async fn look_up(
    servers: &[SocketAddr],
    host: String,
    family: Family,
    query_timeout: Duration,
) -> Answer {
    let resolver = match resolver(servers, query_timeout) {
        Ok(resolver) => resolver,
        Err(error) => return Answer::Failed(error.to_string()),
    };
    let kind = match family {
        Family::V4 => RecordType::A,
        Family::V6 => RecordType::AAAA,
    };
    match resolver.lookup(host, kind).await {
        Ok(lookup) => {
            let addresses: Vec<_> =
                lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
            let ttl = lookup.valid_until().saturating_duration_since(Instant::now());
            match addresses.is_empty() {
                true => Answer::Nothing(family),
                false => Answer::Found(Found { family, addresses, ttl }),
            }
        }
        Err(error) if error.is_no_records_found() => Answer::Nothing(family),
        Err(error) => Answer::Failed(error.to_string()),
    }
}

/// An SRV record (RFC 2782), in the order in which servers are to be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    /// A name without the dot at its end; empty where there is no such service.
    pub(crate) target: String,
    pub(crate) port: u16,
}

/// The records of a name.
#[derive(Debug)]
pub(crate) struct Records {
    pub(crate) list: Vec<Record>,
    /// How long they may be used.
    pub(crate) ttl: Duration,
}

/// Asks for SRV records.
pub(super) async fn look_up_srv(
    servers: &[SocketAddr],
    name: &str,
    query_timeout: Duration,
) -> Result<Records, String> {
    let resolver = resolver(servers, query_timeout).map_err(|error| error.to_string())?;
    let lookup = resolver.lookup(name, RecordType::SRV).await.map_err(|error| error.to_string())?;
    let record = |record: &hickory_resolver::proto::rr::Record| match &record.data {
        RData::SRV(srv) => Some(Record {
            priority: srv.priority,
            weight: srv.weight,
            target: srv.target.to_ascii().trim_end_matches('.').to_ascii_lowercase(),
            port: srv.port,
        }),
        _ => None,
    };
    let list: Vec<_> = lookup.answers().iter().filter_map(record).collect();
    let ttl = lookup.valid_until().saturating_duration_since(Instant::now());
    if list.is_empty() {
        Err("the name has no SRV record".to_owned())
    } else {
        Ok(Records { list, ttl })
    }
}

/// A resolver for one question. It keeps no answers: we ask when they have run out.
fn resolver(servers: &[SocketAddr], query_timeout: Duration) -> Result<TokioResolver, NetError> {
    let mut builder = if servers.is_empty() { system() } else { those(servers) };
    let options: &mut ResolverOpts = builder.options_mut();
    options.cache_size = 0;
    options.attempts = RETRIES;
    options.timeout = options.timeout.min(query_timeout);
    builder.build()
}

fn those(servers: &[SocketAddr]) -> ResolverBuilder<TokioRuntimeProvider> {
    let name_server = |server: &SocketAddr| {
        let mut name_server = NameServerConfig::udp_and_tcp(server.ip());
        name_server.connections.iter_mut().for_each(|connection| connection.port = server.port());
        name_server
    };
    let name_servers = servers.iter().map(name_server).collect();
    let config = ResolverConfig::from_parts(None, Vec::new(), name_servers);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
}

/// The system's name servers; none where it names none, which leaves `/etc/hosts`.
fn system() -> ResolverBuilder<TokioRuntimeProvider> {
    TokioResolver::builder_tokio().unwrap_or_else(|_| {
        let config = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    })
}
