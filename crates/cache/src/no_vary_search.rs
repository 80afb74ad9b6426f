//! Which parameters of a query do not matter, as a response says by `No-Vary-Search`
//! (draft-ietf-httpbis-no-vary-search).

use http1::{Headers, Known};
use sfv::{BareItem, Dictionary, Item, ListEntry, Parser};

use crate::urlencoded;

/// What a response says of the queries that it answers (§3, a "URL search variance").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRule {
    names: Names,
    /// The order of names matters; that of values under one name always does.
    order_counts: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Names {
    /// All parameters matter but these.
    AllBut(Box<[String]>),
    /// None matter but these.
    NoneBut(Box<[String]>),
}

impl Default for SearchRule {
    /// Every query is another one.
    fn default() -> Self {
        Self { names: Names::AllBut(Box::default()), order_counts: true }
    }
}

impl SearchRule {
    /// Reads the field of a response (§4.2). One that is not there or not valid is the default.
    #[must_use]
    pub fn read(headers: &Headers) -> Self {
        if !headers.contains(Known::NoVarySearch) {
            return Self::default();
        }
        let lines: Vec<&[u8]> = headers.values(Known::NoVarySearch).collect();
        let parsed: Result<Dictionary, _> = Parser::new(&lines.join(&b", "[..])).parse();
        parsed.ok().and_then(|dictionary| Self::of(&dictionary)).unwrap_or_default()
    }

    /// §4.1; nothing where the default is meant. Keys that are not known do not count.
    fn of(dictionary: &Dictionary) -> Option<Self> {
        let order_counts = match dictionary.get("key-order") {
            Some(entry) => !boolean(entry)?,
            None => true,
        };
        let params = dictionary.get("params");
        let names = match (params, params.and_then(boolean)) {
            (None, _) | (_, Some(false)) => Names::AllBut(Box::default()),
            (_, Some(true)) => Names::NoneBut(Box::default()),
            (Some(entry), None) => Names::AllBut(names(entry)?),
        };
        let names = match (dictionary.get("except"), names) {
            (None, names) => names,
            (Some(except), Names::NoneBut(_)) => Names::NoneBut(self::names(except)?),
            (Some(_), Names::AllBut(_)) => return None,
        };
        Some(Self { names, order_counts })
    }

    /// Whether every query is another one, byte for byte.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Bytes of memory.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        let (Names::AllBut(names) | Names::NoneBut(names)) = &self.names;
        let text: usize = names.iter().map(|name| name.len() + size_of::<String>()).sum();
        size_of::<Self>() + text
    }

    /// Writes the form that all equivalent queries have in common (§5), without a `?`; nothing
    /// where no parameter matters. It is itself a query, equivalent to the one it was made from.
    pub fn write(&self, query: &[u8], out: &mut Vec<u8>) {
        if self.is_default() {
            return out.extend_from_slice(query);
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let pairs = urlencoded::pairs(query).map(|(name, value)| (text(name), text(value)));
        let mut pairs: Vec<(String, String)> =
            pairs.filter(|(name, _)| self.counts(name)).collect();
        if !self.order_counts {
            // Any order by name will do, if values under one name keep theirs.
            pairs.sort_by(|one, other| one.0.cmp(&other.0));
        }
        for (index, (name, value)) in pairs.iter().enumerate() {
            if index > 0 {
                out.push(b'&');
            }
            urlencoded::encode(name, out);
            out.push(b'=');
            urlencoded::encode(value, out);
        }
    }

    /// Brings the query of a target or a URL into that form. `uri` has no fragment.
    #[must_use]
    pub fn apply(&self, uri: &[u8]) -> Vec<u8> {
        let mark = memchr::memchr(b'?', uri).unwrap_or(uri.len());
        let (path, query) = uri.split_at(mark);
        if self.is_default() {
            return uri.to_vec();
        }
        let mut out = path.to_vec();
        out.push(b'?');
        self.write(query.get(1..).unwrap_or_default(), &mut out);
        if out.len() == path.len() + 1 {
            out.pop();
        }
        out
    }

    fn counts(&self, name: &str) -> bool {
        match &self.names {
            Names::AllBut(names) => !names.iter().any(|other| other == name),
            Names::NoneBut(names) => names.iter().any(|other| other == name),
        }
    }
}

fn boolean(entry: &ListEntry) -> Option<bool> {
    let ListEntry::Item(Item { bare_item: BareItem::Boolean(value), .. }) = entry else {
        return None;
    };
    Some(*value)
}

/// The names of an inner list, each decoded (§4.3); nothing for anything else than strings.
fn names(entry: &ListEntry) -> Option<Box<[String]>> {
    let ListEntry::InnerList(list) = entry else { return None };
    let name = |item: &Item| match &item.bare_item {
        BareItem::String(text) => {
            let decoded = urlencoded::decode(text.as_str().as_bytes());
            Some(String::from_utf8_lossy(&decoded).into_owned())
        }
        _ => None,
    };
    list.items.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(value: &str) -> SearchRule {
        let mut headers = Headers::new();
        headers.push(b"No-Vary-Search", value.as_bytes());
        SearchRule::read(&headers)
    }

    fn apply(value: &str, uri: &str) -> String {
        String::from_utf8(rule(value).apply(uri.as_bytes())).unwrap()
    }

    fn are_equivalent(value: &str, one: &str, other: &str) -> bool {
        apply(value, one) == apply(value, other)
    }

    #[test]
    fn what_is_not_valid_is_the_default() {
        for value in [
            "",
            "unknown-key",
            "key-order=\"not a boolean\"",
            "key-order=1",
            "params=\"neither\"",
            "params=(not-a-string)",
            "params=(\"a\" 1)",
            "params=(\"a\"), except=(\"x\")",
            "params=(), except=()",
            "params=?0, except=(\"x\")",
            "params, except=(not-a-string)",
            "params, except=\"no list\"",
            "params, except=?1",
            "except=(\"x\")",
            "except=()",
            "params=?0",
            "params=()",
            "key-order=?0",
            "params=(\"a\"",
            "key-order,",
            "&",
            "key-order, params=1",
        ] {
            assert!(rule(value).is_default(), "{value}");
        }
        assert!(SearchRule::read(&Headers::new()).is_default());
    }

    #[test]
    fn forms_that_mean_the_same() {
        assert_eq!(rule("params=?1"), rule("params"));
        assert_eq!(rule("key-order=?1"), rule("key-order"));
        assert_eq!(
            rule("params, key-order, except=(\"x\")"),
            rule("key-order, params, except=(\"x\")")
        );
        assert_eq!(rule("params, except=()"), rule("params"));
        assert_eq!(rule("params, some-day=1"), rule("params"));
        assert_eq!(
            rule("params;x=1, except=(\"a\";y \"b\");z"),
            rule("params, except=(\"a\" \"b\")")
        );
        let mut lines = Headers::new();
        lines.push(b"No-Vary-Search", b"params");
        lines.push(b"No-Vary-Search", b"except=(\"x\")");
        assert_eq!(SearchRule::read(&lines), rule("params, except=(\"x\")"));
        assert_ne!(rule("params=(\"a\")"), rule("params=(\"A\")"));
    }

    #[test]
    fn the_form_that_equivalent_queries_have() {
        assert_eq!(apply("params=(\"a\")", "/p?a=1&b=2&a=3"), "/p?b=2");
        assert_eq!(apply("params, except=(\"a\")", "/p?b=2&a=1&a=%7e"), "/p?a=1&a=%7E");
        assert_eq!(apply("params", "/p?b=2"), "/p");
        assert_eq!(apply("key-order", "/p?b=2&a=2&a=1&b=1"), "/p?a=2&a=1&b=2&b=1");
        assert_eq!(apply("", "/p?b=2&&a"), "/p?b=2&&a", "bytes count without a rule");
    }

    #[test]
    fn parameters_are_those_of_forms() {
        let same = |one: &str, other: &str| are_equivalent("key-order", one, other);
        for (one, other) in [
            ("/", "/?"),
            ("/?a=x", "/?%61=%78"),
            ("/?a=%f6", "/?a=%ef%bf%bd"),
            ("/?a=x&&&&", "/?a=x"),
            ("/?a=", "/?a"),
            ("/?a=%20", "/?a=+"),
            ("/?a=%C3%A9", "/?a=%c3%a9"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        assert!(!same("/?a=1&a=2", "/?a=2&a=1"));
        assert!(!same("/?a=1", "/?A=1"));
        assert!(!same("/?a=1%26b=2", "/?a=1&b=2"));
        assert!(!same("/a?x", "/b?x"));
        assert!(!are_equivalent("", "/a", "/a?"));
        let encoded = "params=(\"%C3%A9+%E6%B0%97\")";
        assert!(are_equivalent(encoded, "/?%C3%A9%20%E6%B0%97=3", "/?%c3%a9+%E6%B0%97=4"));
        assert!(are_equivalent("params=(\"a+b\")", "/?a%20b=3", "/?a+b=4"));
    }

    /// The comparison as the draft has it (§5), step by step.
    fn compare(rule: &SearchRule, one: &[u8], other: &[u8]) -> bool {
        if rule.is_default() {
            return one == other;
        }
        let lossy = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let list = |query: &[u8]| {
            let pairs = urlencoded::pairs(query).map(|(name, value)| (lossy(name), lossy(value)));
            let mut pairs: Vec<_> = pairs.filter(|(name, _)| rule.counts(name)).collect();
            if !rule.order_counts {
                pairs.sort_by(|one, other| one.0.encode_utf16().cmp(other.0.encode_utf16()));
            }
            pairs
        };
        list(one) == list(other)
    }

    fn queries() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "a", "b", "%61", "c", "=", "=", "&", "&", "+", "%20", "%", "%ff", "%C3%A9", "1", ";",
        ]);
        prop::collection::vec(part, 0..10).prop_map(|parts| parts.concat())
    }

    fn values() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "key-order",
            "params",
            "params=(\"a\")",
            "params=(\"a\" \"b+\"), key-order",
            "params, except=(\"a\" \"%C3%A9\")",
            "key-order, params, except=(\"b\")",
            "params=()",
        ])
    }

    proptest! {
        #[test]
        fn equivalent_queries_have_one_form(
            value in values(),
            one in queries(),
            other in queries(),
        ) {
            let rule = rule(value);
            let form = |query: &str| {
                let mut out = Vec::new();
                rule.write(query.as_bytes(), &mut out);
                out
            };
            let same = compare(&rule, one.as_bytes(), other.as_bytes());
            prop_assert_eq!(form(&one) == form(&other), same);
            // The form is a query like those that it stands for.
            prop_assert!(compare(&rule, one.as_bytes(), &form(&one)));
        }
    }
}
