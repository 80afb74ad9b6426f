//! TLS over the connection of a probe, with the settings of the upstream.

use std::sync::Arc;

use proxy::tls::ClientTls;
use rustls::client::Resumption;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::link::{Link, reason};

/// Shakes hands, always in full: a session that was resumed would hide a certificate that has
/// ended since.
pub(super) async fn shake(
    link: Link,
    tls: &ClientTls,
    host: &str,
) -> Result<TlsStream<Link>, String> {
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let name = tls.server_name(host).ok_or("there is no name to verify")?;
    let mut config = rustls::ClientConfig::clone(&tls.config);
    config.resumption = Resumption::disabled();
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, link).await;
    shaken.map_err(|error| format!("TLS: {}", reason(&error)))
}
