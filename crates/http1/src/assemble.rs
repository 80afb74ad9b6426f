//! Request heads that arrive in parts, as HTTP/2 and HTTP/3 carry them (RFC 9113 §8.3.1): the same
//! rules as for a head that is parsed, so that nothing passes in one version what another refuses.

use crate::limits::NAME_BYTES_MAX;
use crate::target;
use crate::{HeadLimits, Known, Method, Refusal, RequestHead, TargetForm, Version, authority};

/// The pseudo-header fields of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct PseudoFields<'a> {
    /// `:method`
    pub method: &'a [u8],
    /// `:scheme`; empty where it is absent.
    pub scheme: &'a [u8],
    /// `:authority`; empty where it is absent.
    pub authority: &'a [u8],
    /// `:path`; empty where it is absent.
    pub path: &'a [u8],
}

impl RequestHead {
    /// Puts a head together. Whatever was here before is replaced. Crumbs of `Cookie` are joined
    /// (RFC 9113 §8.2.3).
    ///
    /// # Errors
    /// The first fault found. The contents of `self` mean nothing then.
    pub fn assemble<'a>(
        &mut self,
        pseudo: &PseudoFields<'_>,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        limits: &HeadLimits,
    ) -> Result<(), Refusal> {
        self.clear();
        self.version = Version::Http2;
        self.method = Method::parse(pseudo.method).ok_or(Refusal::MethodTooLong)?;
        self.take_fields(fields, limits)?;
        self.take_target(pseudo, limits)?;
        self.take_authority(pseudo)?;
        self.check_expectation()
    }

    fn take_fields<'a>(
        &mut self,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        limits: &HeadLimits,
    ) -> Result<(), Refusal> {
        let mut cookies: Vec<u8> = Vec::new();
        for (name, value) in fields {
            check_field(name, value)?;
            if Known::of(name) == Known::Cookie {
                if !cookies.is_empty() {
                    cookies.extend_from_slice(b"; ");
                }
                cookies.extend_from_slice(value);
                continue;
            }
            if self.headers.len() >= limits.headers_max {
                return Err(Refusal::TooManyHeaders);
            }
            self.headers.push(name, value);
        }
        if !cookies.is_empty() {
            self.headers.push_known(Known::Cookie, &cookies);
        }
        Ok(())
    }

    fn take_target(
        &mut self,
        pseudo: &PseudoFields<'_>,
        limits: &HeadLimits,
    ) -> Result<(), Refusal> {
        if pseudo.path.len() > limits.uri_bytes_max {
            return Err(Refusal::UriTooLong);
        }
        if self.method == Method::Connect {
            // The target of a plain CONNECT is its authority alone (RFC 9113 §8.5).
            self.form = TargetForm::Authority;
            self.target.extend_from_slice(pseudo.authority);
            return Ok(());
        }
        let schemes: [&[u8]; 2] = [b"http", b"https"];
        if !schemes.contains(&pseudo.scheme) {
            return Err(Refusal::BadTarget);
        }
        let target = target::read(self.method, pseudo.path)?;
        if target.form == TargetForm::Absolute {
            return Err(Refusal::BadTarget);
        }
        self.form = target.form;
        target::write_origin(&mut self.target, self.method, &target);
        Ok(())
    }

    /// `:authority` and `Host` must be the same where both are there (RFC 9113 §8.3.1).
    fn take_authority(&mut self, pseudo: &PseudoFields<'_>) -> Result<(), Refusal> {
        let default_port: &[u8] = if pseudo.scheme == b"https" { b"443" } else { b"80" };
        let mut hosts = self.headers.values(Known::Host);
        let chosen = match (hosts.next(), hosts.next()) {
            (_, Some(_)) => return Err(Refusal::DuplicateHost),
            (None, None) if pseudo.authority.is_empty() => return Err(Refusal::MissingHost),
            (None, None) => pseudo.authority,
            (Some(host), None) if pseudo.authority.is_empty() => host,
            (Some(host), None) if authority::is_same(host, pseudo.authority, default_port) => {
                pseudo.authority
            }
            (Some(_), None) => return Err(Refusal::HostMismatch),
        };
        if !authority::is_authority(chosen) {
            return Err(Refusal::BadHost);
        }
        self.authority.extend_from_slice(chosen);
        Ok(())
    }
}

/// What RFC 9113 §8.2.1 asks of a field, beyond what makes it safe in HTTP/1.1.
fn check_field(name: &[u8], value: &[u8]) -> Result<(), Refusal> {
    let is_lower_token = |octet: &u8| crate::is_token(*octet) && !octet.is_ascii_uppercase();
    if name.is_empty() || !name.iter().all(is_lower_token) {
        return Err(Refusal::BadHeaderName);
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(Refusal::HeaderNameTooLong);
    }
    let is_space = |octet: Option<&u8>| matches!(octet, Some(b' ' | b'\t'));
    let is_control = |octet: &u8| (*octet < 0x20 && *octet != b'\t') || *octet == 0x7f;
    if is_space(value.first()) || is_space(value.last()) || value.iter().any(is_control) {
        return Err(Refusal::BadHeaderValue);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        pseudo: [&'static str; 4],
        fields: &[(&'static str, &'static str)],
    ) -> Result<RequestHead, Refusal> {
        let [method, scheme, authority, path] = pseudo.map(str::as_bytes);
        let mut head = RequestHead::default();
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let pseudo = PseudoFields { method, scheme, authority, path };
        head.assemble(&pseudo, fields, &HeadLimits::default()).map(|()| head)
    }

    #[test]
    fn a_plain_request() {
        let head = read(["GET", "https", "a.example", "/x?y=1"], &[("accept", "*/*")]).unwrap();
        assert_eq!(head.version, Version::Http2);
        assert_eq!((head.path(), head.query()), (&b"/x"[..], Some(&b"y=1"[..])));
        assert_eq!(head.host(), b"a.example");
        assert_eq!(head.headers.len(), 1);
    }

    #[test]
    fn crumbs_of_cookies_are_joined() {
        let crumbs = [("cookie", "a=1"), ("x", "1"), ("cookie", "b=2")];
        let head = read(["GET", "https", "a", "/"], &crumbs).unwrap();
        assert_eq!(head.headers.value(Known::Cookie), Some(&b"a=1; b=2"[..]));
        assert_eq!(head.headers.len(), 2);
    }

    #[test]
    fn authority_and_host() {
        let host = |authority, fields| read(["GET", "https", authority, "/"], fields);
        assert_eq!(host("", &[("host", "b")]).unwrap().host(), b"b");
        assert!(host("b:443", &[("host", "b")]).is_ok());
        assert_eq!(host("a", &[("host", "b")]), Err(Refusal::HostMismatch));
        assert_eq!(host("a", &[("host", "a"), ("host", "a")]), Err(Refusal::DuplicateHost));
        assert_eq!(host("", &[]), Err(Refusal::MissingHost));
        for bad in ["a,b", "u@a", "a b", "a/", "a:b"] {
            assert_eq!(host(bad, &[]), Err(Refusal::BadHost), "{bad}");
        }
    }

    #[test]
    fn targets() {
        let path = |method, path| read([method, "http", "a", path], &[]);
        for bad in ["", "x", "http://a/", "/a#b", "/a b", "/a\\b", "*"] {
            assert_eq!(path("GET", bad), Err(Refusal::BadTarget), "{bad}");
        }
        assert_eq!(path("OPTIONS", "*").unwrap().target, b"*");
        assert_eq!(read(["GET", "ftp", "a", "/"], &[]), Err(Refusal::BadTarget));
    }

    #[test]
    fn fields_that_other_versions_would_read_otherwise() {
        let field = |name, value| read(["GET", "http", "a", "/"], &[(name, value)]).unwrap_err();
        for name in ["", "a b", "a:b", "A", "a\r", "a\0", ":path"] {
            assert_eq!(field(name, ""), Refusal::BadHeaderName, "{name:?}");
        }
        for value in [" a", "a ", "\ta", "a\r\nb: c", "a\nb", "a\0", "\x7f"] {
            assert_eq!(field("x", value), Refusal::BadHeaderValue, "{value:?}");
        }
    }

    #[test]
    fn too_many_fields() {
        let fields = vec![("x", "1"); HeadLimits::default().headers_max + 1];
        assert_eq!(read(["GET", "http", "a", "/"], &fields), Err(Refusal::TooManyHeaders));
    }
}
