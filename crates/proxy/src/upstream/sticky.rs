//! Clients that stay at their server: a cookie names it, and a signature keeps clients from
//! choosing one.
//!
//! The value is the server's stable number and a truncated HMAC-SHA-256 over it and the name of
//! the upstream, in hexadecimal. Nothing is kept here: the cookie is as good after a restart.

use std::fmt::Write;

use aws_lc_rs::{constant_time, hmac};
use balance::{Cluster, ServerIndex};
use http1::{Headers, Known};

use crate::parts;

/// Hexadecimal digits of the number, and of the signature.
const DIGITS: usize = 16;

/// Bytes of the signature that are sent.
const SIGNATURE_BYTES: usize = DIGITS / 2;

/// How an upstream's cookie is made and read.
#[derive(Clone, Debug)]
pub struct Sticky {
    name: String,
    key: hmac::Key,
    upstream: String,
    /// What follows the value, but `Secure`.
    attributes: String,
    secure: Option<bool>,
}

impl Sticky {
    /// The cookie of an upstream, as configured.
    #[must_use]
    pub fn new(config: &config::Sticky, upstream: &str) -> Self {
        let secret =
            config.secret.as_ref().map_or_else(machine_secret, |text| text.clone().into_bytes());
        let mut attributes = format!("; Path={}", config.path);
        if let Some(domain) = &config.domain {
            _ = write!(attributes, "; Domain={domain}");
        }
        if let Some(age) = config.max_age {
            _ = write!(attributes, "; Max-Age={}", age.as_secs());
        }
        if config.http_only {
            attributes.push_str("; HttpOnly");
        }
        attributes.push_str(match config.same_site {
            config::SameSite::Lax => "; SameSite=Lax",
            config::SameSite::Strict => "; SameSite=Strict",
            config::SameSite::None => "; SameSite=None",
        });
        Self {
            name: config.cookie.clone(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            upstream: upstream.to_owned(),
            attributes,
            secure: config.secure,
        }
    }

    /// The server that a request's cookie names, if there is one and the signature is ours.
    #[must_use]
    pub fn read(&self, headers: &Headers, cluster: &Cluster) -> Option<ServerIndex> {
        let value = parts::cookie(headers, self.name.as_bytes())?;
        let (id, signature) = value.split_at_checked(DIGITS)?;
        let expected = self.sign(id);
        constant_time::verify_slices_are_equal(expected.as_bytes(), signature).ok()?;
        let id = u64::from_str_radix(std::str::from_utf8(id).ok()?, 16).ok()?;
        cluster.find(id)
    }

    /// Binds a client to a server.
    pub fn write(&self, headers: &mut Headers, id: u64, encrypted: bool) {
        let id = format!("{id:016x}");
        let secure = if self.secure.unwrap_or(encrypted) { "; Secure" } else { "" };
        let (name, signature) = (&self.name, self.sign(id.as_bytes()));
        let cookie = format!("{name}={id}{signature}{}{secure}", self.attributes);
        headers.push_known(Known::SetCookie, cookie.as_bytes());
    }

    /// Takes this proxy's own cookie out of a response: it is for one client.
    pub fn take(&self, headers: &mut Headers) -> Option<Vec<u8>> {
        let is_own = |value: &[u8]| {
            let rest = value.strip_prefix(self.name.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"="))
        };
        let own = headers.values(Known::SetCookie).find(|value| is_own(value))?.to_vec();
        headers.retain(|field| field.known != Known::SetCookie || !is_own(field.value));
        Some(own)
    }

    fn sign(&self, id: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(self.upstream.as_bytes());
        context.update(b"\0");
        context.update(id);
        let tag = context.sign();
        let bytes = tag.as_ref().iter().take(SIGNATURE_BYTES);
        bytes.fold(String::with_capacity(DIGITS), |mut text, byte| {
            _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// A secret that clients do not know and that a restart does not change.
fn machine_secret() -> Vec<u8> {
    let id = std::fs::read("/etc/machine-id").unwrap_or_default();
    let node = rustix::system::uname().nodename().to_bytes().to_vec();
    [b"weir sticky ".as_slice(), &id, &node].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use balance::{MemberPlan, Rules};
    use std::time::Instant;

    fn config() -> config::Sticky {
        config::Sticky {
            cookie: "at".to_owned(),
            secret: Some("0123456789abcdef".to_owned()),
            max_age: Some(std::time::Duration::from_secs(60)),
            path: "/".to_owned(),
            domain: None,
            secure: None,
            http_only: true,
            same_site: config::SameSite::Lax,
        }
    }

    fn cluster() -> Cluster {
        let plans = ["a:1", "b:1"].map(|label| MemberPlan::new(label, 1));
        Cluster::new(plans.to_vec(), Rules::default(), None, Instant::now())
    }

    fn written(sticky: &Sticky, id: u64, encrypted: bool) -> String {
        let mut headers = Headers::default();
        sticky.write(&mut headers, id, encrypted);
        let value = headers.values_named(b"set-cookie").next().unwrap();
        String::from_utf8(value.to_vec()).unwrap()
    }

    fn read(sticky: &Sticky, cookie: &str) -> Option<ServerIndex> {
        let mut headers = Headers::default();
        headers.push_known(Known::Cookie, cookie.as_bytes());
        sticky.read(&headers, &cluster())
    }

    #[test]
    fn a_cookie_leads_back_to_its_server() {
        let (sticky, cluster) = (Sticky::new(&config(), "app"), cluster());
        let id = cluster.vitals(ServerIndex(1)).unwrap().id();
        let cookie = written(&sticky, id, false);
        assert!(cookie.ends_with("; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"), "{cookie}");
        assert!(written(&sticky, id, true).ends_with("; Secure"));
        let pair = cookie.split(';').next().unwrap();
        assert_eq!(read(&sticky, pair), Some(ServerIndex(1)));
        assert_eq!(read(&sticky, &format!("x=1; {pair}; y=2")), Some(ServerIndex(1)));
    }

    #[test]
    fn what_is_not_ours_binds_nobody() {
        let (sticky, cluster) = (Sticky::new(&config(), "app"), cluster());
        let id = cluster.vitals(ServerIndex(0)).unwrap().id();
        let cookie = written(&sticky, id, false);
        let pair = cookie.split(';').next().unwrap();
        let other = Sticky::new(&config(), "other");
        assert_eq!(read(&other, pair), None, "of another upstream");
        let secret = Some("another secret 1".to_owned());
        assert_eq!(read(&Sticky::new(&config::Sticky { secret, ..config() }, "app"), pair), None);
        for forged in ["at=", "at=0", "at=00000000000000000000000000000000", "at=zz"] {
            assert_eq!(read(&sticky, forged), None);
        }
        assert_eq!(read(&sticky, &written(&sticky, 7, false)), None, "a server that is gone");
    }
}
