//! What a stored response is known by: the URI that the client asked for (RFC 9111 §2).

use crate::urlencoded;

/// What ends the URI in a key, where more follows. No URI has it.
pub const URI_END: u8 = b'\n';

/// The URI of a key.
#[must_use]
pub fn uri(key: &[u8]) -> &[u8] {
    let end = memchr::memchr(URI_END, key).unwrap_or(key.len());
    key.get(..end).unwrap_or(key)
}

/// Makes the key of a URI: `scheme://host[:port]` in lower case without the default port, then
/// the target as it was sent. A target without a path, as of `OPTIONS *`, is never cached.
pub fn write(scheme: &str, authority: &[u8], target: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(scheme.as_bytes());
    out.extend_from_slice(b"://");
    let default: &[u8] = if scheme == "https" { b":443" } else { b":80" };
    let authority = authority.strip_suffix(default).unwrap_or(authority);
    let authority = authority.strip_suffix(b":").unwrap_or(authority);
    out.extend(authority.iter().map(u8::to_ascii_lowercase));
    if !target.starts_with(b"/") {
        out.push(b'/');
    }
    let end = memchr::memchr(b'#', target).unwrap_or(target.len());
    out.extend_from_slice(target.get(..end).unwrap_or_default());
}

/// The key of a URL, or of the beginning of one; `None` for what is none.
#[must_use]
pub fn of_url(url: &str) -> Option<Vec<u8>> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let (authority, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !matches!(scheme.as_str(), "http" | "https") || authority.is_empty() {
        return None;
    }
    let mut key = Vec::new();
    write(&scheme, authority.as_bytes(), target.as_bytes(), &mut key);
    Some(key)
}

/// Which parameters of a query are part of the key, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryRule {
    /// The order of parameters does not matter.
    pub sort: bool,
    /// Only these count, where there are any.
    pub allow: Vec<String>,
    /// These do not count. One that ends in `*` names all that begin so.
    pub deny: Vec<String>,
}

impl QueryRule {
    /// Whether the query is part of the key as it is.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Writes what counts of a target.
    pub fn apply(&self, target: &[u8], out: &mut Vec<u8>) {
        let Some(mark) = memchr::memchr(b'?', target) else {
            return out.extend_from_slice(target);
        };
        let (path, query) = target.split_at(mark);
        out.extend_from_slice(path);
        let parameters = query.get(1..).unwrap_or_default().split(|byte| *byte == b'&');
        let mut counted: Vec<&[u8]> = parameters.filter(|one| self.counts(one)).collect();
        if self.sort {
            // Those of one name keep their order, which may mean something; a name that is
            // written in two ways is one to the origin.
            counted.sort_by_cached_key(|one| folded(name(one)));
        }
        for (index, parameter) in counted.into_iter().enumerate() {
            out.push(if index == 0 { b'?' } else { b'&' });
            out.extend_from_slice(parameter);
        }
    }

    /// What the origin might take for a parameter that counts, counts: else an answer that was
    /// made for it would be given to requests without it. Some origins part at `;` too.
    fn counts(&self, parameter: &[u8]) -> bool {
        if parameter.is_empty() {
            return false;
        }
        let name = name(parameter);
        if memchr::memchr(b';', parameter).is_some() || name.is_empty() {
            return true;
        }
        if self.deny.iter().any(|pattern| matches(pattern.as_bytes(), name)) {
            return false;
        }
        let is_allowed = |pattern: &String| {
            matches(pattern.as_bytes(), name) || matches(&folded(pattern.as_bytes()), &folded(name))
        };
        self.allow.is_empty() || self.allow.iter().any(is_allowed)
    }
}

fn name(parameter: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'=', parameter).unwrap_or(parameter.len());
    parameter.get(..end).unwrap_or_default()
}

fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.strip_suffix(b"*") {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// What is the same name to some origin: decoded, without case (ASP.NET), up to a bracket or NUL
/// and with `_` for what is no part of a variable's name (PHP).
fn folded(name: &[u8]) -> Vec<u8> {
    let mut decoded = urlencoded::decode(name);
    let start = decoded.iter().take_while(|byte| **byte == b' ').count();
    decoded.drain(..start);
    let end = decoded.iter().position(|byte| matches!(byte, b'[' | 0)).unwrap_or(decoded.len());
    decoded.truncate(end);
    decoded.iter_mut().for_each(|byte| match byte {
        b'.' | b' ' => *byte = b'_',
        _ => byte.make_ascii_lowercase(),
    });
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(scheme: &str, authority: &str, target: &str) -> String {
        let mut out = Vec::new();
        write(scheme, authority.as_bytes(), target.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hosts_are_in_lower_case_and_without_the_default_port() {
        assert_eq!(key("http", "EXAMPLE.com:80", "/A?b"), "http://example.com/A?b");
        assert_eq!(key("https", "example.com:80", "/"), "https://example.com:80/");
        assert_eq!(key("https", "[::1]:443", "/#x"), "https://[::1]/");
        let of_url = |url| of_url(url).map(|key| String::from_utf8(key).unwrap());
        assert_eq!(of_url("HTTP://A:80/x?y").as_deref(), Some("http://a/x?y"));
        assert_eq!(of_url("https://a").as_deref(), Some("https://a/"));
        assert!(of_url("/x").is_none() && of_url("ftp://a/").is_none());
    }

    #[test]
    fn what_counts_of_a_query() {
        let apply = |rule: &QueryRule, target: &str| {
            let mut out = Vec::new();
            rule.apply(target.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let sort = QueryRule { sort: true, ..QueryRule::default() };
        assert_eq!(apply(&sort, "/?b=2&a=1&b=1"), "/?a=1&b=2&b=1");
        let deny = QueryRule { deny: list(&["utm_*", "x"]), ..QueryRule::default() };
        assert_eq!(apply(&deny, "/p?utm_source=a&x=1&xy=2"), "/p?xy=2");
        assert_eq!(apply(&deny, "/p?x"), "/p");
        let allow = QueryRule { allow: list(&["id"]), ..QueryRule::default() };
        assert_eq!(apply(&allow, "/p?q=1&id=7&id=8"), "/p?id=7&id=8");
    }
    fn rule(allow: &[&str], deny: &[&str], sort: bool) -> QueryRule {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        QueryRule { sort, allow: list(allow), deny: list(deny) }
    }

    fn apply(rule: &QueryRule, target: &str) -> String {
        let mut out = Vec::new();
        rule.apply(target.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_spelling_hides_what_counts() {
        let one = rule(&["id"], &[], false);
        for target in
            ["/?%69d=2", "/?ID=2", "/?id[]=2", "/?id%5B=2", "/?+id=2", "/?id%00x=2", "/?a;id=2"]
        {
            assert_eq!(apply(&one, target), target);
        }
        assert_eq!(apply(&one, "/?x=1&idx=2&xid=3&&"), "/");
        assert_eq!(apply(&rule(&["a_b"], &[], false), "/?a.b=1&a+b=2&a-b=3"), "/?a.b=1&a+b=2");
        let no = rule(&[], &["utm_*"], false);
        for target in ["/?utm_a=1;id=2", "/?=x", "/?utm%5Fa=1", "/?UTM_a=1"] {
            assert_eq!(apply(&no, target), target);
        }
        assert_eq!(apply(&no, "/?utm_a=1%3Bid=2"), "/");
    }

    #[test]
    fn sorting_keeps_the_order_of_what_may_be_one_name() {
        let sort = rule(&[], &[], true);
        for target in ["/?%69d=1&id=2", "/?id=2&%69d=1", "/?Id=2&id=1", "/?a[]=2&a[0]=1"] {
            assert_eq!(apply(&sort, target), target);
        }
        assert_eq!(apply(&sort, "/?b=1&a=1"), apply(&sort, "/?a=1&b=1"));
    }
}
