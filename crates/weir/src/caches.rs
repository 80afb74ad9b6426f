//! The stores of the cache as the operator sees them: what they hold, and what is to go.

pub(crate) mod top;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache::disk::DiskError;
use cache::store::purge::{Mode, Scope};
use control::Refusal;
use proxy::caching::{self, Shelf};
use proxy::record::metrics::StoreTotals;
use proxy::snapshot::Snapshot;
use serde_json::{Value, json};

use crate::live::Now;

/// How long a disk may take to close beyond the time for what waits to be written.
const HANG_WAIT: Duration = Duration::from_secs(2);

/// The stores with their numbers, as JSON.
pub(crate) fn list(now: &Now) -> String {
    let routes = now.metrics.route_totals();
    let shown = |(at, shelf): (usize, &Arc<Shelf>)| {
        let numbers = shelf.store.numbers();
        let totals = now.metrics.store_totals(at);
        json!({
            "name": shelf.name,
            "objects": numbers.objects,
            "bytes": numbers.bytes,
            "bytes_max": numbers.bytes_max,
            "evicted": numbers.evicted,
            "purged": numbers.purged,
            "hits": totals.hits,
            "misses": totals.misses,
            "hit_ratio": totals.hit_ratio().map(rounded),
            "bytes_saved": totals.sent_bytes,
            "routes": routes_of(&now.snapshot, shelf, &routes),
            "disk": shelf.wants_disk().then(|| disk(shelf)),
        })
    };
    let all: Vec<Value> = now.snapshot.shelves.iter().enumerate().map(shown).collect();
    format!("{:#}\n", Value::Array(all))
}

/// The numbers of the routes that use a store.
fn routes_of(
    snapshot: &Snapshot,
    shelf: &Arc<Shelf>,
    totals: &[(String, StoreTotals)],
) -> Vec<Value> {
    let uses = |label: &str| {
        let mut caches = snapshot.routes.iter().filter(|route| route.label == label);
        caches.any(|route| route.cache.as_ref().is_some_and(|it| Arc::ptr_eq(it.store(), shelf)))
    };
    let shown = |(label, totals): &(String, StoreTotals)| {
        json!({
            "route": label,
            "hits": totals.hits,
            "misses": totals.misses,
            "hit_ratio": totals.hit_ratio().map(rounded),
            "bytes_saved": totals.sent_bytes,
        })
    };
    totals.iter().filter(|(label, _)| uses(label)).map(shown).collect()
}

/// The numbers of a store's disk.
fn disk(shelf: &Shelf) -> Value {
    let Some(tier) = shelf.store.tier() else { return json!({ "up": false }) };
    let numbers = tier.numbers();
    json!({
        "up": !numbers.is_failed,
        "objects": numbers.disk.objects,
        "bytes": numbers.disk.bytes,
        "hits": numbers.hits,
        "writes": numbers.disk.writes,
        "evicted": numbers.disk.evicted,
        "waiting_bytes": numbers.queue_bytes,
        "dropped": numbers.dropped,
        "corrupt": numbers.disk.corrupt,
        "errors": numbers.disk.errors,
    })
}

/// Opens the disks of all stores. One that cannot be opened is told, and done without.
pub(crate) fn open_disks(snapshot: &Snapshot) {
    for shelf in snapshot.shelves.iter() {
        if let Err(reason) = shelf.open_disk() {
            eprintln!("weir: {reason}");
        }
    }
}

/// Ends the writing to all disks. One that hangs is left to itself.
pub(crate) fn close_disks(snapshot: &Snapshot, patience: Duration) {
    let until = Instant::now() + patience + HANG_WAIT;
    let (closed, all_closed) = std::sync::mpsc::channel::<()>();
    for tier in snapshot.shelves.iter().filter_map(|shelf| shelf.store.tier()) {
        let (tier, closed) = (Arc::clone(tier), closed.clone());
        // Without a thread for it, what waits to be written is not.
        let _ = std::thread::Builder::new().name("close".into()).spawn(move || {
            tier.close(patience);
            drop(closed);
        });
    }
    drop(closed);
    // Ends when the last of them has dropped its end.
    let _ = all_closed.recv_timeout(until.saturating_duration_since(Instant::now()));
}

/// A ratio to four places.
fn rounded(ratio: f64) -> f64 {
    (ratio * 10_000.0).round() / 10_000.0
}

/// Purges what a JSON text names: `url`, `prefix`, `host`, `tag` or `"all": true`, softly unless
/// it says `"mode": "hard"`, in every store unless it names one by `cache`.
pub(crate) fn purge(snapshot: &Snapshot, body: &str) -> Result<String, Refusal> {
    let wanted = Wanted::read(body).map_err(Refusal::bad)?;
    let named = wanted.cache.as_deref();
    let chosen = |shelf: &&Arc<Shelf>| named.is_none_or(|name| shelf.name == name);
    let shelves: Vec<_> = snapshot.shelves.iter().filter(chosen).collect();
    if shelves.is_empty() {
        return Err(Refusal::missing(format!("no cache `{}`", named.unwrap_or_default())));
    }
    let mut count = None;
    for shelf in shelves {
        let purged = purge_in(snapshot, shelf, &wanted)?.map_err(|error| {
            Refusal::failed(format!("what was purged may be back after a restart: {error}"))
        })?;
        if let Some(purged) = purged {
            *count.get_or_insert(0) += purged;
        }
    }
    Ok(format!("{}\n", json!({ "purged": count })))
}

/// Purges in one store; tells how much it was, where that is known.
fn purge_in(
    snapshot: &Snapshot,
    shelf: &Arc<Shelf>,
    wanted: &Wanted,
) -> Result<Result<Option<usize>, DiskError>, Refusal> {
    let url = |text: &str| cache::key::of_url(text).ok_or_else(|| not_a_url(text));
    let key;
    let scope = match &wanted.what {
        What::Url(text) => {
            let uri = url(text)?;
            return Ok(caching::purge_url(snapshot, shelf, &uri, wanted.mode).map(Some));
        }
        What::Prefix(text) => {
            key = url(text)?;
            Scope::Prefix(&key)
        }
        What::Host(host) => Scope::Host(host.as_bytes()),
        What::Tag(tag) => Scope::Tag(tag.as_bytes()),
        What::All => Scope::All,
    };
    Ok(shelf.store.purge(scope, wanted.mode).map(|()| None))
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
