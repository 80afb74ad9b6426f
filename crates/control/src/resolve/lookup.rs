//! One question to the DNS: the addresses of a name in one family.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RecordType;
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

/// Asks a name server, or those of the system.
pub(super) async fn look_up(
    server: Option<SocketAddr>,
    host: String,
    family: Family,
    query_timeout: Duration,
) -> Answer {
    let resolver = match resolver(server, query_timeout) {
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

/// A resolver for one question. It keeps no answers: we ask when they have run out.
fn resolver(
    server: Option<SocketAddr>,
    query_timeout: Duration,
) -> Result<TokioResolver, NetError> {
    let mut builder = server.map_or_else(system, alone);
    let options: &mut ResolverOpts = builder.options_mut();
    options.cache_size = 0;
    options.attempts = RETRIES;
    options.timeout = options.timeout.min(query_timeout);
    builder.build()
}

fn alone(server: SocketAddr) -> ResolverBuilder<TokioRuntimeProvider> {
    let mut connection = ConnectionConfig::udp();
    connection.port = server.port();
    let mut name_server = NameServerConfig::udp(server.ip());
    name_server.connections = vec![connection];
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
}

/// The system's name servers; none where it names none, which leaves `/etc/hosts`.
fn system() -> ResolverBuilder<TokioRuntimeProvider> {
    TokioResolver::builder_tokio().unwrap_or_else(|_| {
        let config = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    })
}
