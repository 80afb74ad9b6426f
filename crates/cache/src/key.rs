//! What a stored response is known by: the URI that the client asked for (RFC 9111 §2).

/// What ends the URI in a key, where more follows. No URI has it.
pub const URI_END: u8 = b'\n';

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
            // Those of one name keep their order, which may mean something.
            counted.sort_by(|one, other| name(one).cmp(name(other)));
        }
        for (index, parameter) in counted.into_iter().enumerate() {
            out.push(if index == 0 { b'?' } else { b'&' });
            out.extend_from_slice(parameter);
        }
    }

    fn counts(&self, parameter: &[u8]) -> bool {
        let name = name(parameter);
        let is_in = |list: &[String]| list.iter().any(|pattern| matches(pattern, name));
        !name.is_empty() && (self.allow.is_empty() || is_in(&self.allow)) && !is_in(&self.deny)
    }
}

fn name(parameter: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'=', parameter).unwrap_or(parameter.len());
    parameter.get(..end).unwrap_or_default()
}

fn matches(pattern: &str, name: &[u8]) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start.as_bytes()),
        None => name == pattern.as_bytes(),
    }
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
}
