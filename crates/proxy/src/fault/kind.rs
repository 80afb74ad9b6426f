//! The kinds of fault, each declared once: sentence, status, RFC 9209 type, label.

/// Declares the enum and its table from one list. The doc comment is also what a client reads.
macro_rules! kinds {
    ($(
        #[doc = $detail:literal] $kind:ident = $status:literal, $error:literal, $label:literal;
    )*) => {
        /// What went wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $(#[doc = $detail] $kind,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The status code that a client gets, if it still can get one.
            #[must_use]
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$kind => $status,)*
                }
            }

            /// The error type for `Proxy-Status` (RFC 9209 §2.3).
            #[must_use]
            pub fn proxy_status(self) -> &'static str {
                match self {
                    $(Self::$kind => $error,)*
                }
            }

            /// The label in logs and metrics.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$kind => $label,)*
                }
            }

            /// One sentence for the error page.
            #[must_use]
            pub fn detail(self) -> &'static str {
                match self {
                    $(Self::$kind => $detail.trim_ascii(),)*
                }
            }
        }
    };
}

kinds! {
    /// The origin's name has no address.
    DnsError = 502, "dns_error", "dns_error";
    /// No server can take the request.
    DestinationUnavailable = 503, "destination_unavailable", "destination_unavailable";
    /// The origin refused the connection.
    ConnectionRefused = 502, "connection_refused", "connection_refused";
    /// The origin did not accept the connection in time.
    ConnectionTimeout = 504, "connection_timeout", "connection_timeout";
    /// The origin closed the connection.
    ConnectionTerminated = 502, "connection_terminated", "connection_terminated";
    /// The origin stopped sending.
    ConnectionReadTimeout = 504, "connection_read_timeout", "connection_read_timeout";
    /// The origin stopped reading.
    ConnectionWriteTimeout = 504, "connection_write_timeout", "connection_write_timeout";
    /// The origin did not answer in time.
    HttpResponseTimeout = 504, "http_response_timeout", "http_response_timeout";
    /// The origin's answer ended early.
    HttpResponseIncomplete = 502, "http_response_incomplete", "http_response_incomplete";
    /// The origin's answer breaks the protocol.
    HttpProtocolError = 502, "http_protocol_error", "http_protocol_error";
    /// The origin sent too many interim answers.
    HttpInterimFlood = 502, "http_protocol_error", "interim_flood";
    /// The exchange took too long.
    TotalTimeout = 504, "http_response_timeout", "total_timeout";
    /// The request breaks the protocol.
    HttpRequestError = 400, "http_request_error", "http_request_error";
    /// The request head did not come in time.
    RequestHeaderTimeout = 408, "http_request_error", "request_header_timeout";
    /// The request body stopped coming.
    RequestBodyTimeout = 408, "http_request_error", "request_body_timeout";
    /// The request body is too large.
    BodyTooLarge = 413, "http_request_denied", "body_too_large";
    /// The TLS handshake was not over in time.
    TlsHandshakeTimeout = 408, "connection_timeout", "tls_handshake_timeout";
    /// The TLS handshake failed.
    TlsHandshakeFailed = 400, "tls_protocol_error", "tls_handshake_failed";
    /// The client begins too many TLS handshakes.
    TlsHandshakesExceeded = 429, "connection_limit_reached", "tls_handshakes_exceeded";
    /// The origin's certificate is not to be trusted.
    TlsCertificateError = 502, "tls_certificate_error", "tls_certificate_error";
    /// The origin does not speak TLS as it should.
    TlsProtocolError = 502, "tls_protocol_error", "tls_protocol_error";
    /// The origin refused the TLS handshake.
    TlsAlertReceived = 502, "tls_alert_received", "tls_alert_received";
    /// The connection does not begin with the header of the PROXY protocol that it has to.
    ProxyHeaderError = 400, "http_request_error", "proxy_header_error";
    /// Nothing went over the connection for too long.
    TcpIdleTimeout = 408, "connection_read_timeout", "tcp_idle_timeout";
    /// The origin did not switch protocols.
    HttpUpgradeFailed = 502, "http_upgrade_failed", "http_upgrade_failed";
    /// The client left.
    ClientGone = 499, "connection_terminated", "client_gone";
    /// The client stopped reading.
    ClientWriteTimeout = 499, "connection_write_timeout", "client_write_timeout";
    /// This host is not served here.
    MisdirectedHost = 421, "destination_not_found", "misdirected_host";
    /// Nothing is served at this path.
    NoRoute = 404, "destination_not_found", "no_route";
    /// This method is not allowed here.
    MethodNotAllowed = 405, "http_request_denied", "method_not_allowed";
    /// Every server is full.
    UpstreamFull = 503, "connection_limit_reached", "upstream_full";
    /// No server had room in time.
    QueueTimeout = 503, "connection_limit_reached", "queue_timeout";
    /// This is being worked on and will be back.
    Maintenance = 503, "http_request_denied", "maintenance";
    /// Nothing is kept for this request, and nothing may be fetched.
    OnlyIfCached = 504, "http_request_denied", "only_if_cached";
    /// What is kept is stale, and the origin cannot be asked.
    ValidationFailed = 504, "destination_unavailable", "validation_failed";
    /// You may not purge.
    PurgeRefused = 403, "http_request_denied", "purge_refused";
    /// The upstream has more requests than it may.
    CircuitOpen = 503, "destination_unavailable", "circuit_open";
    /// There are too many connections.
    ConnectionsExceeded = 503, "connection_limit_reached", "connections_exceeded";
    /// There are too many connections from this client.
    ClientConnectionsExceeded = 429, "connection_limit_reached", "client_connections_exceeded";
    /// There is no buffer memory left.
    MemoryExceeded = 503, "proxy_internal_error", "memory_exceeded";
    /// The disk of the cache does not answer.
    DiskReadTimeout = 500, "proxy_internal_error", "disk_read_timeout";
    /// Something went wrong inside the proxy.
    ProxyInternalError = 500, "proxy_internal_error", "proxy_internal_error";
}

impl Kind {
    /// Whether there is nobody left to tell.
    #[must_use]
    pub fn is_silent(self) -> bool {
        matches!(self, Self::ClientGone | Self::ClientWriteTimeout)
    }

    /// Whether time ran out.
    #[must_use]
    pub fn is_timeout(self) -> bool {
        matches!(
            self,
            Self::ConnectionTimeout
                | Self::ConnectionReadTimeout
                | Self::ConnectionWriteTimeout
                | Self::HttpResponseTimeout
                | Self::TotalTimeout
                | Self::RequestHeaderTimeout
                | Self::RequestBodyTimeout
                | Self::ClientWriteTimeout
                | Self::TcpIdleTimeout
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_distinct_and_statuses_are_errors() {
        let mut labels: Vec<_> = Kind::ALL.iter().map(|kind| kind.label()).collect();
        labels.sort_unstable();
        let count = labels.len();
        labels.dedup();
        assert_eq!(labels.len(), count);
        assert!(Kind::ALL.iter().all(|kind| (400..600).contains(&kind.status())));
    }

    #[test]
    fn details_are_sentences() {
        for kind in Kind::ALL {
            let detail = kind.detail();
            assert!(detail.ends_with('.') && !detail.starts_with(' '), "{detail:?}");
        }
    }
}
