//! The keys that are asked for most, for `/cache/top`.

use std::sync::Arc;

use cache::top::TopKey;
use cache::top::sketch::KEYS_MAX;
use control::Refusal;
use proxy::caching::Shelf;
use proxy::snapshot::Snapshot;
use serde_json::{Value, json};

use super::rounded;

/// Keys of each store where the query does not say how many.
const KEYS_DEFAULT: usize = 20;

/// The keys as JSON, of each store, or of the one that the query names.
pub(crate) fn list(snapshot: &Snapshot, query: &str) -> Result<String, Refusal> {
    let wanted = Wanted::read(query).map_err(Refusal::bad)?;
    let named = wanted.cache.as_deref();
    let chosen = |shelf: &&Arc<Shelf>| named.is_none_or(|name| shelf.name == name);
    let shown = |shelf: &Arc<Shelf>| {
        let keys = shelf.top.list(wanted.count);
        json!({ "name": shelf.name, "keys": keys.iter().map(show).collect::<Vec<_>>() })
    };
    let stores: Vec<Value> = snapshot.shelves.iter().filter(chosen).map(shown).collect();
    match (named, stores.is_empty()) {
        (Some(name), true) => Err(Refusal::missing(format!("no cache `{name}`"))),
        _ => Ok(format!("{:#}\n", Value::Array(stores))),
    }
}

fn show(one: &TopKey) -> Value {
    let mut key = String::from_utf8_lossy(&one.key).into_owned();
    if one.is_cut {
        key.push('…');
    }
    let ratio = one.hits as f64 / one.requests().max(1) as f64;
    json!({
        "key": key,
        "hits": one.hits,
        "misses": one.misses,
        "hit_ratio": rounded(ratio),
        "bytes": one.bytes,
        "unseen_max": one.unseen_max,
    })
}

/// What a query asks for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    cache: Option<String>,
    count: usize,
}

impl Wanted {
    fn read(query: &str) -> Result<Self, String> {
        let mut wanted = Self { cache: None, count: KEYS_DEFAULT };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "cache" => {
                    let text = decoded(value);
                    wanted.cache = Some(text.ok_or("`cache` is a name, percent-encoded")?);
                }
                "n" => {
                    let count = value.parse().ok().filter(|count| (1..=KEYS_MAX).contains(count));
                    wanted.count =
                        count.ok_or_else(|| format!("`n` is a number from 1 to {KEYS_MAX}"))?;
                }
                other => return Err(format!("there is no {other:?}; say `cache` or `n`")),
            }
        }
        Ok(wanted)
    }
}

/// A value of a query as it was meant (RFC 3986 §2.1); a plus is a space, as forms have it.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_or_refused() {
        let wanted = |cache: Option<&str>, count| Wanted { cache: cache.map(str::to_owned), count };
        assert_eq!(Wanted::read(""), Ok(wanted(None, KEYS_DEFAULT)));
        assert_eq!(Wanted::read("cache=&n=256"), Ok(wanted(Some(""), 256)));
        assert_eq!(Wanted::read("n=3&cache=a%20b+%c3%bc"), Ok(wanted(Some("a b ü"), 3)));
        for query in ["n=0", "n=257", "n=x", "n", "m=1", "cache=%4", "cache=%zz", "cache=%ff"] {
            assert!(Wanted::read(query).is_err(), "{query}");
        }
    }
}
