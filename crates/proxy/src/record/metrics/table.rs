//! Every metric, declared once: the enums that the code counts by, the text a scraper reads and
//! the manual page `docs/metrics.md` all come from here.

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations by bucket.
    Histogram,
    /// A constant 1 whose labels are the message.
    Info,
}

impl Kind {
    /// The word of the exposition format.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// The declaration of one metric family.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The name without the suffix that the kind adds (`_total`, `_bucket`, `_info` ...).
    pub name: &'static str,
    /// `seconds`, `bytes` or nothing; the name ends in it.
    pub unit: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// The label names, in order.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

macro_rules! families {
    (
        $(#[$meta:meta])* $enum:ident $list:ident: $kind_doc:literal
        $(
            $variant:ident = $kind:ident $name:literal, $unit:literal, [$($label:literal),*],
            $help:literal;
        )*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $enum {
            $(#[doc = $help] $variant,)*
        }

        #[doc = $kind_doc]
        pub const $list: [(Family, $enum); [$($name),*].len()] = [
            $((
                Family {
                    name: $name,
                    unit: $unit,
                    kind: Kind::$kind,
                    labels: &[$($label),*],
                    help: $help,
                },
                $enum::$variant,
            ),)*
        ];
    };
}

families! {
    /// The counters without labels.
    Counter COUNTERS: "Declarations of the counters without labels."
    BytesIn = Counter "weir_client_received_bytes", "bytes", [],
        "Bytes received from clients, heads included.";
    BytesOut = Counter "weir_client_sent_bytes", "bytes", [],
        "Bytes sent to clients, heads included.";
    UpstreamBytesIn = Counter "weir_upstream_received_bytes", "bytes", [],
        "Bytes received from servers, heads included.";
    UpstreamBytesOut = Counter "weir_upstream_sent_bytes", "bytes", [],
        "Bytes sent to servers, heads included.";
    ConnectionsAccepted = Counter "weir_connections_accepted", "", [],
        "Client connections accepted.";
    ConnectionsClosed = Counter "weir_connections_closed", "", [],
        "Client connections closed, by either side.";
    Tunnels = Counter "weir_tunnels", "", [],
        "Exchanges that became a tunnel (101 Switching Protocols).";
    TlsHandshakes = Counter "weir_tls_handshakes", "", [],
        "TLS handshakes with clients that were completed.";
    TlsResumptions = Counter "weir_tls_resumptions", "", [],
        "TLS handshakes with clients that resumed an earlier session.";
    TlsAbandoned = Counter "weir_tls_abandoned", "", [],
        "TLS handshakes that the client left without a word.";
    Http2Connections = Counter "weir_http2_connections", "", [],
        "Client connections that spoke HTTP/2.";
    StreamConnections = Counter "weir_stream_connections", "", [],
        "Client connections that were passed on unread, or were to be.";
    UdpFlows = Counter "weir_udp_flows", "", [],
        "Flows of UDP that have begun.";
    DatagramsDropped = Counter "weir_udp_datagrams_dropped", "", [],
        "Datagrams that were dropped: too many flows, no server, or a socket that took no more.";
    ProxyHeaders = Counter "weir_proxy_protocol_headers", "", [],
        "Headers of the PROXY protocol that were accepted from proxies in front.";
    CacheInvalidations = Counter "weir_cache_invalidations", "", [],
        "Stored responses that a change at the origin made invalid.";
    CachePurges = Counter "weir_cache_purges", "", [],
        "Purges by the method PURGE.";
    ClientsLeft = Counter "weir_clients_left", "", [],
        "Exchanges cut short because the client left.";
}

families! {
    /// The gauges without labels.
    Gauge GAUGES: "Declarations of the gauges without labels."
    ConnectionsOpen = Gauge "weir_connections_open", "", [],
        "Client connections that are open.";
    ExchangesOpen = Gauge "weir_exchanges_open", "", [],
        "Requests that are being served.";
    TunnelsOpen = Gauge "weir_tunnels_open", "", [],
        "Tunnels that are open.";
    UpstreamConnectionsOpen = Gauge "weir_upstream_connections_open", "", [],
        "Connections to servers that are open, idle ones included.";
    UdpFlowsOpen = Gauge "weir_udp_flows_open", "", [],
        "Flows of UDP that are open.";
    MemoryUsed = Gauge "weir_memory_used_bytes", "bytes", [],
        "Bytes taken from the memory budget of connections and bodies.";
}

families! {
    /// The families with labels, and those that belong to no worker.
    Keyed KEYED: "Declarations of the families with labels and of those of the whole process."
    Requests = Counter "weir_requests", "", ["route", "status"],
        "Requests by route and status class; `none` where there was no route or no answer.";
    RequestDuration = Histogram "weir_request_duration_seconds", "seconds", ["route"],
        "Time from a request's first byte to its response's last, by route.";
    Responses = Counter "weir_responses", "", ["status"],
        "Requests by exact status code over all routes; `none` where there was no answer.";
    UpstreamResponses = Counter "weir_upstream_responses", "", ["upstream", "server", "status"],
        "Responses by server and status class, those that were retried included.";
    UpstreamFaults = Counter "weir_upstream_faults", "", ["upstream", "server"],
        "Attempts at a server that ended without a whole response.";
    UpstreamConnect = Histogram "weir_upstream_connect_seconds", "seconds", ["upstream", "server"],
        "Time to connect to a server, TLS included.";
    UpstreamFirstByte = Histogram "weir_upstream_first_byte_seconds", "seconds",
        ["upstream", "server"],
        "Time from a request's first byte to the head of the server's response.";
    Probes = Counter "weir_upstream_probes", "", ["upstream", "server", "result"],
        "Health checks of servers by result, `passed` or `failed`.";
    Retries = Counter "weir_upstream_retries", "", ["upstream"],
        "Requests sent again after a fault.";
    Failovers = Counter "weir_upstream_failovers", "", ["upstream"],
        "Requests that went on to another upstream, by the one that failed them.";
    Hedges = Counter "weir_upstream_hedges", "", ["upstream", "result"],
        "Second servers asked because the first was late: `heard`, or `left` for the first.";
    Mirrored = Counter "weir_mirrored_requests", "", ["upstream", "result"],
        "Copies of requests by upstream: `sent`, `failed`, or `dropped` for want of room.";
    ServerUp = Gauge "weir_upstream_server_up", "", ["upstream", "server"],
        "1 for a server that gets requests, 0 for one that is out, failing, ejected or drained.";
    ServerWeight = Gauge "weir_upstream_server_weight", "", ["upstream", "server"],
        "The weight of a server that is in force.";
    ServerActive = Gauge "weir_upstream_server_requests_open", "", ["upstream", "server"],
        "Requests on a server now.";
    ServerLatency = Gauge "weir_upstream_server_latency_seconds", "seconds",
        ["upstream", "server"],
        "The latency that balancing counts on: it follows peaks at once and decays.";
    ServerEjections = Counter "weir_upstream_server_ejections", "", ["upstream", "server", "cause"],
        "Times a server was taken out because of what requests met with.";
    Servers = Gauge "weir_upstream_servers", "", ["upstream"],
        "Servers that an upstream has now, those that are down included.";
    ServersLeftOut = Gauge "weir_upstream_servers_left_out", "", ["upstream"],
        "Servers that were found beyond `servers-max`.";
    Discovery = Counter "weir_discovery", "", ["upstream", "source", "result"],
        "News of a source of servers (`dns`, `srv`, `file`, `http`): `changed`, or `failed`.";
    UpstreamWaiting = Gauge "weir_upstream_requests_waiting", "", ["upstream"],
        "Requests that wait because every server is full.";
    PoolHits = Counter "weir_pool_hits", "", ["upstream"],
        "Requests that found an idle connection.";
    PoolMisses = Counter "weir_pool_misses", "", ["upstream"],
        "Requests that had to connect.";
    PoolIdle = Gauge "weir_pool_idle", "", ["upstream"],
        "Idle connections kept for the next request.";
    CompressResponses = Counter "weir_compress_responses", "", ["route", "coding"],
        "Responses that were compressed, by route and coding.";
    CompressTaken = Counter "weir_compress_input_bytes", "bytes", ["route", "coding"],
        "Bytes of content that went into compression.";
    CompressGiven = Counter "weir_compress_output_bytes", "bytes", ["route", "coding"],
        "Bytes of content that came out of compression.";
    CompressSkipped = Counter "weir_compress_skipped", "", ["route", "reason"],
        "Responses that were not compressed on a route that compresses, by reason.";
    CacheRequests = Counter "weir_cache_requests", "", ["route", "outcome"],
        "Requests by what the cache did: `hit`, `stale`, `revalidated` or `collapsed`, which are \
         answered out of it; `miss`, `bypass` or `failed`.";
    CacheSentBytes = Counter "weir_cache_sent_bytes", "bytes", ["route"],
        "Bytes of content sent to clients out of the cache, which no origin had to send.";
    CacheForwards = Counter "weir_cache_forwards", "", ["route", "reason"],
        "Requests that the cache did not answer at once, by reason (RFC 9211).";
    CacheStores = Counter "weir_cache_stores", "", ["route"],
        "Responses put into the cache.";
    CacheNotKept = Counter "weir_cache_not_kept", "", ["route", "reason"],
        "Responses that were not kept, or not to their end, by reason.";
    CacheRefreshes = Counter "weir_cache_refreshes", "", ["route", "result"],
        "Validations beside stale answers: `validated`, `fetched` anew, or `failed`.";
    CacheFill = Histogram "weir_cache_fill_seconds", "seconds", ["route"],
        "Time from a request to the origin to the last byte of its content in the cache.";
    CacheObjects = Gauge "weir_cache_objects", "", ["cache"],
        "Responses in a store.";
    CacheBytes = Gauge "weir_cache_bytes", "bytes", ["cache"],
        "Bytes of memory that a store uses.";
    CacheEvictions = Counter "weir_cache_evictions", "", ["cache"],
        "Responses that made room for others.";
    CacheDiskUp = Gauge "weir_cache_disk_up", "", ["cache"],
        "Whether the disk of a store works: 0 where it could not be opened, or has failed.";
    CacheDiskObjects = Gauge "weir_cache_disk_objects", "", ["cache"],
        "Responses on the disk of a store.";
    CacheDiskBytes = Gauge "weir_cache_disk_bytes", "bytes", ["cache"],
        "Bytes of files on the disk of a store.";
    CacheDiskIndexBytes = Gauge "weir_cache_disk_index_bytes", "bytes", ["cache"],
        "Bytes of memory for where responses are on the disk.";
    CacheDiskQueueBytes = Gauge "weir_cache_disk_queue_bytes", "bytes", ["cache"],
        "Bytes of memory that wait to be written to the disk.";
    CacheDiskHits = Counter "weir_cache_disk_hits", "", ["cache"],
        "Responses that came back from the disk to memory.";
    CacheDiskWrites = Counter "weir_cache_disk_writes", "", ["cache"],
        "Responses written to the disk.";
    CacheDiskDropped = Counter "weir_cache_disk_dropped", "", ["cache"],
        "Responses that were not written: too many waited, or the disk failed.";
    CacheDiskEvictions = Counter "weir_cache_disk_evictions", "", ["cache"],
        "Responses on the disk that made room for others.";
    CacheDiskCorrupt = Counter "weir_cache_disk_corrupt", "", ["cache"],
        "Damaged records that were found, and are found no more.";
    CacheDiskErrors = Counter "weir_cache_disk_errors", "", ["cache"],
        "Reads and writes that the disk refused.";
    Refusals = Counter "weir_refusals", "", ["reason"],
        "Messages refused because they break a rule of HTTP, by reason code.";
    Faults = Counter "weir_faults", "", ["kind"],
        "Exchanges that failed, by kind of fault (RFC 9209).";
    Limits = Counter "weir_limits_hit", "", ["limit"],
        "Times a limit was hit, by its name in the configuration; `descriptors` is the system's.";
    Timeouts = Counter "weir_timeouts", "", ["timeout"],
        "Times a timeout ran out, by its name in the configuration.";
    AccessLogLines = Counter "weir_access_log_lines", "", ["outcome"],
        "Access-log lines `written`, and `dropped` because the log could not take them in time.";
    AccessLogErrors = Counter "weir_access_log_errors", "", [],
        "Failed writes and opens of the access log.";
    CertificateExpiry = Gauge "weir_tls_certificate_expiry_seconds", "seconds", ["certificate"],
        "When a configured certificate ends, in seconds since 1970, by its file.";
    CertificateFaults = Counter "weir_tls_certificate_faults", "", [],
        "Changed certificates that could not be used, so that the old one stayed.";
    Workers = Gauge "weir_workers", "", [],
        "Worker threads.";
    ConfigGeneration = Gauge "weir_config_generation", "", [],
        "Configurations that have been in force since the process began.";
    Build = Info "weir_build", "", ["version"],
        "The version that is running.";
    ProcessStart = Gauge "process_start_time_seconds", "seconds", [],
        "When the process began, in seconds since 1970.";
    ProcessCpu = Counter "process_cpu_seconds", "seconds", [],
        "Processor time that the process used, user and system, all threads.";
    ProcessMemory = Gauge "process_resident_memory_bytes", "bytes", [],
        "Memory that the process holds (RSS).";
    ProcessDescriptors = Gauge "process_open_fds", "", [],
        "File descriptors that are open, each connection being one.";
}

/// All families in the order in which they are shown.
pub fn families() -> impl Iterator<Item = Family> {
    let counters = COUNTERS.iter().map(|(family, _)| *family);
    let gauges = GAUGES.iter().map(|(family, _)| *family);
    let keyed = KEYED.iter().map(|(family, _)| *family);
    counters.chain(gauges).chain(keyed)
}
