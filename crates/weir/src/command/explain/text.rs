//! An explanation as text: one subject a paragraph, each with its place in the configuration.

use std::fmt::Write;

use serde_json::Value;

/// Width of the first column.
const WIDTH: usize = 10;

/// The text of an explanation in JSON.
pub(super) fn of(told: &Value) -> String {
    let mut page = Page::default();
    let request =
        format!("{} {} from {}", word(&told["method"]), word(&told["url"]), word(&told["client"]));
    page.row("request", &request, &Value::Null);
    let listener = &told["listener"];
    let address = listener["address"].as_str().unwrap_or("none");
    page.row("listener", address, &listener["at"]);
    if let Some(note) = told["listener_note"].as_str() {
        page.more(note, &Value::Null);
    }
    if !told["site"].is_null() {
        page.row("site", &list(&told["site"]["hosts"]), &told["site"]["at"]);
    }
    if !told["route"].is_null() {
        page.row("route", word(&told["route"]["path"]), &told["route"]["at"]);
    }
    page.rows("not taken", each(&told["near"]).map(|near| (miss(near), &near["at"])));
    page.rows(
        "chain",
        each(&told["chain"]).map(|one| {
            (one["text"].as_str().unwrap_or_else(|| word(&one["name"])).to_owned(), &one["at"])
        }),
    );
    if !told["cache"].is_null() {
        cache(&mut page, &told["cache"]);
    }
    for upstream in each(&told["upstreams"]) {
        let name = format!("{}, by {}", word(&upstream["name"]), word(&upstream["balance"]));
        page.row("upstream", &name, &upstream["at"]);
        for server in each(&upstream["servers"]) {
            page.more(&self::server(server), &Value::Null);
        }
    }
    page.row("answer", &answer(told), &Value::Null);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn row(&mut self, subject: &str, what: &str, at: &Value) {
        // Writing to memory cannot fail.
        let _ = write!(self.text, "{subject:WIDTH$} {what}");
        if let Some(at) = at.as_str() {
            let _ = write!(self.text, "  ({at})");
        }
        self.text.push('\n');
    }

    fn more(&mut self, what: &str, at: &Value) {
        self.row("", what, at);
    }

    fn rows<'a>(&mut self, subject: &str, rows: impl Iterator<Item = (String, &'a Value)>) {
        for (number, (what, at)) in rows.enumerate() {
            self.row(if number == 0 { subject } else { "" }, &what, at);
        }
    }
}

fn cache(page: &mut Page, cache: &Value) {
    page.row("cache", &format!("store {}", word(&cache["store"])), &cache["at"]);
    for (number, part) in word(&cache["key"]).split('\n').enumerate() {
        let part = if part.is_empty() { "(nothing)" } else { part };
        page.more(&format!("{} {part}", if number == 0 { "key" } else { "  +" }), &Value::Null);
    }
    if let Some(rule) = cache["bypass"].as_object() {
        let text = rule.get("text").map(word).unwrap_or_default();
        page.more(text, rule.get("at").unwrap_or(&Value::Null));
    }
    let policy = cache["policy"].as_object().into_iter().flatten();
    let policy: Vec<_> = policy
        .map(|(name, value)| format!("{}={value}s", name.trim_end_matches("_s").replace('_', "-")))
        .collect();
    if !policy.is_empty() {
        page.more(&policy.join(" "), &Value::Null);
    }
    if cache["client_directives"] == Value::Bool(false) {
        page.more("directives of clients do not count", &Value::Null);
    }
    let Some(stored) = cache["stored"].as_array() else { return };
    if stored.is_empty() {
        page.more("nothing is stored for this key", &Value::Null);
    }
    for one in stored {
        page.more(&variant(one), &Value::Null);
    }
}

fn variant(one: &Value) -> String {
    let state = if one["fresh"] == Value::Bool(true) { "fresh" } else { "stale" };
    let mut text = format!(
        "{} {state}: status {}, age {}s of {}s, ttl {}s, {} bytes",
        if one["selected"] == Value::Bool(true) { "stored," } else { "stored for others," },
        one["status"],
        one["age_s"],
        one["lifetime_s"],
        one["ttl_s"],
        one["bytes"],
    );
    if let Some(part) = one["part"].as_str() {
        text += &format!(", part {part}");
    }
    for (name, value) in one["vary"].as_object().into_iter().flatten() {
        text += &match value.as_str() {
            Some(value) => format!(", {name}: {value}"),
            None => format!(", no {name}"),
        };
    }
    if each(&one["tags"]).next().is_some() {
        text += &format!(", tags {}", list(&one["tags"]));
    }
    text
}

fn miss(near: &Value) -> String {
    let why = match (word(&near["why"]), near["detail"].as_str()) {
        ("less-specific", _) => "a more specific one is taken".to_owned(),
        ("method", Some(methods)) => format!("method: it takes {methods}"),
        ("predicate", Some(condition)) => format!("predicate: not so: {condition}"),
        (why, _) => why.to_owned(),
    };
    format!("{} {}: {why}", list(&near["hosts"]), word(&near["path"]))
}

fn server(server: &Value) -> String {
    let standing = server["standing"].as_str().map(|standing| match server["reason"].as_str() {
        Some(reason) => format!(", {standing} ({reason})"),
        None => format!(", {standing}"),
    });
    let standing = standing.unwrap_or_default();
    format!("{}, weight {}{standing}", word(&server["address"]), server["weight"])
}

fn answer(told: &Value) -> String {
    let (answer, cache) = (&told["answer"], &told["cache"]);
    let status = &answer["status"];
    match word(&answer["by"]) {
        "refusal" => {
            let allow = list(&answer["allow"]);
            let allow = if allow.is_empty() { allow } else { format!(", Allow: {allow}") };
            format!("{status} {}{allow}", word(&answer["reason"]))
        }
        "middleware" => format!("{status} by {}", word(&answer["middleware"])),
        "weir" => match answer["location"].as_str() {
            Some(location) => format!("{status} to {location}"),
            None => format!("{status}"),
        },
        "passed-on" => "the connection is passed on unread".to_owned(),
        _ => from_upstream(cache),
    }
}

/// In the words of `Cache-Status` where there are such.
fn from_upstream(cache: &Value) -> String {
    let forward = word(&cache["forward"]);
    match word(&cache["would"]) {
        "" if cache.is_null() => "from the upstream".to_owned(),
        "" => "from the cache or the upstream, by what is stored".to_owned(),
        "hit" => "from the cache: hit".to_owned(),
        "stale" => "from the cache: hit, stale".to_owned(),
        "stale-while-revalidate" => "from the cache: hit, stale, validated beside".to_owned(),
        "only-if-cached" => format!("504 only_if_cached: fwd={forward}"),
        "purge" => "the cache is purged of it".to_owned(),
        "purge-refused" => "403 purge_refused: this client may not purge".to_owned(),
        _ => format!("from the upstream: fwd={forward}"),
    }
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(values: &Value) -> String {
    each(values).map(word).collect::<Vec<_>>().join(", ")
}
