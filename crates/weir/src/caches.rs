//! The stores of the cache as the operator sees them: what they hold, and what is to go.

use cache::store::purge::{Mode, Scope};
use control::Refusal;
use proxy::caching::{self, Shelf};
use proxy::snapshot::Snapshot;
use serde_json::{Value, json};

/// The stores with their numbers, as JSON.
pub(crate) fn list(snapshot: &Snapshot) -> String {
    let shown = |shelf: &Shelf| {
        let numbers = shelf.store.numbers();
        json!({
            "name": shelf.name,
            "objects": numbers.objects,
            "bytes": numbers.bytes,
            "bytes_max": numbers.bytes_max,
            "evicted": numbers.evicted,
            "purged": numbers.purged,
        })
    };
    let all: Vec<Value> = snapshot.shelves.iter().map(|shelf| shown(shelf)).collect();
    format!("{:#}\n", Value::Array(all))
}

/// Purges what a JSON text names: `url`, `prefix`, `host`, `tag` or `"all": true`, softly unless
/// it says `"mode": "hard"`, in every store unless it names one by `cache`.
pub(crate) fn purge(snapshot: &Snapshot, body: &str) -> Result<String, Refusal> {
    let wanted = Wanted::read(body).map_err(Refusal::bad)?;
    let named = wanted.cache.as_deref();
    let chosen = |shelf: &&std::sync::Arc<Shelf>| named.is_none_or(|name| shelf.name == name);
    let shelves: Vec<_> = snapshot.shelves.iter().filter(chosen).collect();
    if shelves.is_empty() {
        return Err(Refusal::missing(format!("no cache `{}`", named.unwrap_or_default())));
    }
    let mut count = None;
    for shelf in shelves {
        match &wanted.what {
            What::Url(url) => {
                let purged = caching::purge_url(snapshot, shelf, url, wanted.mode);
                *count.get_or_insert(0) += purged.ok_or_else(|| not_a_url(url))?;
            }
            What::Prefix(prefix) => {
                let key = cache::key::of_url(prefix).ok_or_else(|| not_a_url(prefix))?;
                shelf.store.purge(Scope::Prefix(&key), wanted.mode);
            }
            What::Host(host) => shelf.store.purge(Scope::Host(host.as_bytes()), wanted.mode),
            What::Tag(tag) => shelf.store.purge(Scope::Tag(tag.as_bytes()), wanted.mode),
            What::All => shelf.store.purge(Scope::All, wanted.mode),
        }
    }
    Ok(format!("{}\n", json!({ "purged": count })))
}

fn not_a_url(text: &str) -> Refusal {
    Refusal::bad(format!("{text:?} is no URL such as \"https://example.com/x\""))
}

/// What is to go, and how.
struct Wanted {
    what: What,
    mode: Mode,
    cache: Option<String>,
}

enum What {
    Url(String),
    Prefix(String),
    Host(String),
    Tag(String),
    All,
}

impl Wanted {
    fn read(body: &str) -> Result<Self, String> {
        let object: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let Value::Object(fields) = object else { return Err("expected an object".to_owned()) };
        let (mut what, mut mode, mut cache) = (None, Mode::Soft, None);
        for (name, value) in fields {
            let text = || {
                let text = value.as_str().filter(|text| !text.is_empty());
                text.map(str::to_owned).ok_or_else(|| format!("`{name}` is a text"))
            };
            let named = match name.as_str() {
                "url" => What::Url(text()?),
                "prefix" => What::Prefix(text()?),
                "host" => What::Host(text()?),
                "tag" => What::Tag(text()?),
                "all" if value == Value::Bool(true) => What::All,
                "cache" => {
                    cache = value.as_str().map(str::to_owned);
                    continue;
                }
                "mode" => {
                    mode = match value.as_str() {
                        Some("soft") => Mode::Soft,
                        Some("hard") => Mode::Hard,
                        _ => return Err("`mode` is \"soft\" or \"hard\"".to_owned()),
                    };
                    continue;
                }
                other => return Err(format!("there is no {other:?}; {FORMS}")),
            };
            if what.replace(named).is_some() {
                return Err(format!("only one at a time; {FORMS}"));
            }
        }
        Ok(Self { what: what.ok_or_else(|| format!("nothing to purge; {FORMS}"))?, mode, cache })
    }
}

const FORMS: &str = "say `url`, `prefix`, `host`, `tag` or `\"all\": true`";
