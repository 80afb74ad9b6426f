//! `weir purge`: tells a running Weir, by its admin listener, what is to go from its cache.

use serde_json::{Map, Value};

use crate::cli::PurgeWish;
use crate::command::admin_client::ask;
use crate::command::{Failure, print};

/// Purges, and prints what was done.
pub(super) fn run(wish: &PurgeWish) -> Result<(), Failure> {
    let answer = ask(&wish.admin, "POST", "/cache/purge", Some(&body(wish).to_string()))?;
    let content = answer.good();
    let content =
        content.map_err(|error| Failure::failed(format!("nothing was purged: {error}")))?;
    let count = serde_json::from_str::<Value>(content).ok();
    match count.as_ref().and_then(|done| done["purged"].as_u64()) {
        Some(count) => print(&format!("purged {count} stored responses\n")),
        None => print("purged: what is stored is checked when it is next asked for\n"),
    }
}

fn body(wish: &PurgeWish) -> Value {
    let mut fields = Map::new();
    let texts = [
        ("url", &wish.what.url),
        ("prefix", &wish.what.prefix),
        ("host", &wish.what.host),
        ("tag", &wish.what.tag),
        ("cache", &wish.cache),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            fields.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    if wish.what.all {
        fields.insert("all".to_owned(), Value::from(true));
    }
    fields.insert("mode".to_owned(), Value::from(if wish.hard { "hard" } else { "soft" }));
    Value::Object(fields)
}
