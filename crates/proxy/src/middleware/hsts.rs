//! `hsts`: tells browsers to come encrypted only (RFC 6797).

use crate::exchange::{Exchange, Response};

/// The field of one site.
#[derive(Debug)]
pub struct Hsts {
    value: String,
}

impl Hsts {
    pub(super) fn compile(hsts: Option<&config::Hsts>) -> Option<Self> {
        let hsts = hsts?;
        let mut value = format!("max-age={}", hsts.max_age.as_secs());
        if hsts.subdomains {
            value.push_str("; includeSubDomains");
        }
        if hsts.preload {
            value.push_str("; preload");
        }
        Some(Self { value })
    }

    /// In the clear the field means nothing (RFC 6797 §7.2).
    pub(super) fn response(&self, exchange: &Exchange, response: &mut Response) {
        if exchange.client.scheme == "https" {
            response.head.headers.set(b"Strict-Transport-Security", self.value.as_bytes());
        }
    }
}
