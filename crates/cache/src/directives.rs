//! What requests and responses say of caching (RFC 9111 §5.2).

use http1::{Headers, Known};

use crate::members::{DELTA_MAX_S, members};

/// The directives of a request (RFC 9111 §5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// Nothing of this exchange may be stored.
    pub no_store: bool,
    /// Nothing stored may be used without validation.
    pub no_cache: bool,
    /// Nothing may be fetched.
    pub only_if_cached: bool,
    /// The greatest age that is wanted, in seconds.
    pub max_age_s: Option<u32>,
    /// How long after its lifetime a response is still wanted, in seconds.
    pub max_stale_s: Option<u32>,
    /// How long a response must still be fresh, in seconds.
    pub min_fresh_s: Option<u32>,
    /// How long after its lifetime a response is still wanted where the origin fails, in seconds
    /// (RFC 5861 §4).
    pub stale_if_error_s: Option<u32>,
}

impl RequestDirectives {
    /// Reads them. `Pragma: no-cache` counts where there is no `Cache-Control` (§5.4).
    #[must_use]
    pub fn read(headers: &Headers) -> Self {
        let mut read = Self::default();
        if !headers.contains(Known::CacheControl) {
            let mut pragmas = headers.values(Known::Pragma).flat_map(members);
            read.no_cache = pragmas.any(|member| member.is("no-cache"));
            return read;
        }
        for member in headers.values(Known::CacheControl).flat_map(members) {
            match member.name {
                _ if member.is("no-store") => read.no_store = true,
                _ if member.is("no-cache") => read.no_cache = true,
                _ if member.is("only-if-cached") => read.only_if_cached = true,
                _ if member.is("max-age") => first(&mut read.max_age_s, member.delta_s()),
                _ if member.is("min-fresh") => first(&mut read.min_fresh_s, member.delta_s()),
                _ if member.is("stale-if-error") => {
                    first(&mut read.stale_if_error_s, member.delta_s());
                }
                _ if member.is("max-stale") => {
                    let any = if member.argument.is_none() { Some(DELTA_MAX_S) } else { None };
                    first(&mut read.max_stale_s, member.delta_s().or(any));
                }
                _ => {}
            }
        }
        read
    }
}

/// The directives of a response (RFC 9111 §5.2.2, RFC 5861).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    /// It may not be stored.
    pub no_store: bool,
    /// It may not be used without validation.
    pub no_cache: bool,
    /// It is for one user.
    pub private: bool,
    /// It may be stored even if other rules say no.
    pub public: bool,
    /// It may not be used stale, whatever happens.
    pub must_revalidate: bool,
    /// The same for shared caches.
    pub proxy_revalidate: bool,
    /// It may be stored only by who understands its status.
    pub must_understand: bool,
    /// Its lifetime in seconds.
    pub max_age_s: Option<u32>,
    /// Its lifetime in shared caches in seconds.
    pub s_maxage_s: Option<u32>,
    /// How long it may be used stale while it is validated, in seconds.
    pub stale_while_revalidate_s: Option<u32>,
    /// How long it may be used stale where its validation fails, in seconds.
    pub stale_if_error_s: Option<u32>,
    /// Fields that may not be kept: those that `no-cache` and `private` name.
    pub fields: Vec<Vec<u8>>,
}

impl ResponseDirectives {
    /// Reads `Cache-Control`.
    #[must_use]
    pub fn read(headers: &Headers) -> Self {
        let mut read = Self::default();
        for member in headers.values(Known::CacheControl).flat_map(members) {
            read.take(member);
        }
        read
    }

    /// Takes a directive in. Of several with the same name the first one counts (§4.2.1); one
    /// whose lifetime is not a number makes the response stale.
    pub(crate) fn take(&mut self, member: crate::members::Member<'_>) {
        let lifetime = member.delta_s().or(Some(0));
        match member.argument {
            _ if member.is("no-store") => self.no_store = true,
            _ if member.is("public") => self.public = true,
            _ if member.is("must-revalidate") => self.must_revalidate = true,
            _ if member.is("proxy-revalidate") => self.proxy_revalidate = true,
            _ if member.is("must-understand") => self.must_understand = true,
            _ if member.is("max-age") => first(&mut self.max_age_s, lifetime),
            _ if member.is("s-maxage") => first(&mut self.s_maxage_s, lifetime),
            _ if member.is("stale-while-revalidate") => {
                first(&mut self.stale_while_revalidate_s, member.delta_s());
            }
            _ if member.is("stale-if-error") => first(&mut self.stale_if_error_s, member.delta_s()),
            Some(fields) if member.is("no-cache") || member.is("private") => self.keep_out(fields),
            None if member.is("no-cache") => self.no_cache = true,
            None if member.is("private") => self.private = true,
            _ => {}
        }
    }

    fn keep_out(&mut self, fields: &[u8]) {
        let names = fields.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        self.fields.extend(names.filter(|name| !name.is_empty()).map(<[u8]>::to_vec));
    }
}

fn first(slot: &mut Option<u32>, value: Option<u32>) {
    if slot.is_none() {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(values: &[&str]) -> ResponseDirectives {
        let mut headers = Headers::new();
        for value in values {
            headers.push(b"cache-control", value.as_bytes());
        }
        ResponseDirectives::read(&headers)
    }

    #[test]
    fn the_first_of_equal_directives_counts() {
        assert_eq!(response(&["max-age=1", "MAX-AGE=2, s-maxage=3"]).max_age_s, Some(1));
        assert_eq!(response(&["max-age=x, max-age=5"]).max_age_s, Some(0), "invalid is stale");
        assert_eq!(response(&["x=\"max-age=9\""]).max_age_s, None);
    }

    #[test]
    fn directives_with_field_names_keep_fields_out() {
        let read = response(&["no-cache=\"a, B\", private=\"c\", max-age=5"]);
        assert!(!read.no_cache && !read.private);
        assert_eq!(read.fields, [b"a".to_vec(), b"B".to_vec(), b"c".to_vec()]);
        assert!(response(&["no-cache"]).no_cache);
    }

    #[test]
    fn pragma_counts_only_alone() {
        let mut headers = Headers::new();
        headers.push(b"Pragma", b"no-cache");
        assert!(RequestDirectives::read(&headers).no_cache);
        headers.push(b"Cache-Control", b"max-age=5, max-stale");
        let read = RequestDirectives::read(&headers);
        assert!(!read.no_cache);
        assert_eq!((read.max_age_s, read.max_stale_s), (Some(5), Some(DELTA_MAX_S)));
    }
}
