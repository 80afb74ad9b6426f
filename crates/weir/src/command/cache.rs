//! `weir cache`: shows what a running Weir notes of its cache.

use std::fmt::Write;

use serde_json::Value;

use crate::cli::{StatsWish, TopWish};
use crate::command::admin_client::ask;
use crate::command::{Failure, print};

/// Shows the keys that are asked for most.
pub(super) fn top(wish: &TopWish) -> Result<(), Failure> {
    let mut path = format!("/cache/top?n={}", wish.count);
    if let Some(cache) = &wish.cache {
        path.push_str("&cache=");
        encode(cache, &mut path);
    }
    list(&wish.admin, &path, table)
}

/// Shows what each store holds, and what it was good for.
pub(super) fn stats(wish: &StatsWish) -> Result<(), Failure> {
    list(&wish.admin, "/cache", numbers)
}

/// Asks for a list, and prints it as a table.
fn list(admin: &str, path: &str, table: fn(&[Value]) -> String) -> Result<(), Failure> {
    let answer = ask(admin, "GET", path, None)?;
    let shown = answer.good().map_err(|why| Failure::failed(format!("nothing to show: {why}")))?;
    match serde_json::from_str(shown) {
        Ok(Value::Array(stores)) => print(&table(&stores)),
        _ => Err(Failure::failed("nothing to show: the answer is no list")),
    }
}

/// The stores one after the other, with the routes that use each.
fn numbers(stores: &[Value]) -> String {
    let mut text = String::new();
    for store in stores {
        let name = store["name"].as_str().filter(|name| !name.is_empty()).unwrap_or("default");
        let number = |of: &Value, name: &str| of[name].as_u64().unwrap_or(0);
        let ratio = |of: &Value| match of["hit_ratio"].as_f64() {
            Some(ratio) => format!("{:.1}%", ratio * 100.0),
            None => "-".to_owned(),
        };
        // Writing to memory cannot fail.
        let _ = writeln!(text, "cache {name}");
        let _ = writeln!(
            text,
            "  hits     {:>8}  of {} requests; {} bytes saved",
            ratio(store),
            number(store, "hits") + number(store, "misses"),
            number(store, "bytes_saved"),
        );
        for route in store["routes"].as_array().into_iter().flatten() {
            let label: String =
                route["route"].as_str().unwrap_or_default().chars().map(safe).collect();
            let requests = number(route, "hits") + number(route, "misses");
            let _ = writeln!(text, "           {:>8}  of {requests} at {label}", ratio(route));
        }
        let _ = writeln!(
            text,
            "  memory   {:>8}  responses; {} of {} bytes",
            number(store, "objects"),
            number(store, "bytes"),
            number(store, "bytes_max"),
        );
        let disk = &store["disk"];
        if disk["up"] == Value::Bool(false) {
            let _ = writeln!(text, "  disk         does not work");
        } else if disk.is_object() {
            let (objects, bytes) = (number(disk, "objects"), number(disk, "bytes"));
            let _ = writeln!(text, "  disk     {objects:>8}  responses; {bytes} bytes");
        }
    }
    text
}

/// The stores one after the other, a line for each key.
fn table(stores: &[Value]) -> String {
    let mut text = String::new();
    for store in stores {
        let name = store["name"].as_str().filter(|name| !name.is_empty()).unwrap_or("default");
        let keys = store["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
        // Writing to memory cannot fail.
        let _ = writeln!(text, "cache {name}: {} keys", keys.len());
        let _ = writeln!(text, "{:>12} {:>7} {:>16}  key", "requests", "hits", "bytes");
        for key in keys {
            let number = |name: &str| key[name].as_u64().unwrap_or(0);
            let requests = number("hits") + number("misses");
            let hits = format!("{:.1}%", key["hit_ratio"].as_f64().unwrap_or(0.0) * 100.0);
            let shown: String = key["key"].as_str().unwrap_or_default().chars().map(safe).collect();
            let bytes = number("bytes");
            let _ = writeln!(text, "{requests:>12} {hits:>7} {bytes:>16}  {shown}");
        }
    }
    text
}

/// Keys come from clients: what a terminal would obey is not passed on.
fn safe(char: char) -> char {
    match char {
        '\n' => ' ',
        other if other.is_control() => '?',
        other => other,
    }
}

/// Writes a text as a value of a query (RFC 3986 §2.1).
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_for_each_key_and_nothing_that_a_terminal_obeys() {
        let key = json!({ "key": "http://a/\u{1b}[2J\nde", "hits": 3, "misses": 1,
                          "hit_ratio": 0.75, "bytes": 4096, "unseen_max": 0 });
        let text = table(&[json!({ "name": "", "keys": [key] }), json!({ "name": "b" })]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "cache default: 1 keys");
        assert_eq!(lines[2], "           4   75.0%             4096  http://a/?[2J de");
        assert_eq!(lines[3], "cache b: 0 keys");
    }

    #[test]
    fn names_are_encoded() {
        let mut out = String::new();
        encode("a b&ü~", &mut out);
        assert_eq!(out, "a%20b%26%C3%BC~");
    }
}
