//! The crate that reads structured fields for us, against the vectors of the HTTP working group:
//! what `CDN-Cache-Control` and its kin mean rests on it.
//!
//! The vectors are read from `../shared/vectors/structured-fields`, beside the workspace; where
//! they are absent the test says so and passes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use std::fs;
use std::path::Path;

use serde_json::Value;
use sfv::{BareItem, Dictionary, InnerList, Item, List, ListEntry, Parameters, Parser};

#[test]
fn the_vectors_are_read_as_they_say() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/structured-fields");
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: no vectors at {}", folder.display());
        return;
    };
    let mut count = 0;
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let cases: Vec<Value> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for case in &cases {
            check(case);
            count += 1;
        }
    }
    assert!(count > 1_500, "{count} cases");
}

fn check(case: &Value) {
    let name = case["name"].as_str().unwrap();
    let lines: Vec<&str> =
        case["raw"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    let raw = lines.join(", ");
    let parser = Parser::new(raw.as_bytes());
    let read = match case["header_type"].as_str().unwrap() {
        "item" => parser.parse::<Item>().map(|item| shown_item(&item)),
        "list" => parser.parse::<List>().map(|list| list.iter().map(shown_entry).collect()),
        "dictionary" => parser.parse::<Dictionary>().map(|dictionary| {
            let pair = |(key, entry): (&sfv::Key, &ListEntry)| {
                Value::from(vec![Value::from(key.as_str()), shown_entry(entry)])
            };
            dictionary.iter().map(pair).collect()
        }),
        other => panic!("{other}"),
    };
    match read {
        Ok(_) if case["must_fail"] == true => panic!("{name}: {raw:?} must fail"),
        Ok(read) => assert!(is_same(&read, &case["expected"]), "{name}: {read} for {case}"),
        Err(_) if case["must_fail"] == true || case["can_fail"] == true => {}
        Err(error) => panic!("{name}: {raw:?}: {error}"),
    }
}

/// Numbers are the same by value: 1 and 1.0 differ in form alone.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

fn shown_entry(entry: &ListEntry) -> Value {
    match entry {
        ListEntry::Item(item) => shown_item(item),
        ListEntry::InnerList(InnerList { items, params }) => {
            let items: Vec<Value> = items.iter().map(shown_item).collect();
            Value::from(vec![Value::from(items), shown_parameters(params)])
        }
    }
}

fn shown_item(item: &Item) -> Value {
    Value::from(vec![shown(&item.bare_item), shown_parameters(&item.params)])
}

fn shown_parameters(parameters: &Parameters) -> Value {
    let pair = |(key, value): (&sfv::Key, &BareItem)| {
        Value::from(vec![Value::from(key.as_str()), shown(value)])
    };
    parameters.iter().map(pair).collect()
}

fn shown(item: &BareItem) -> Value {
    let typed = |kind: &str, value: Value| serde_json::json!({ "__type": kind, "value": value });
    match item {
        BareItem::Boolean(flag) => Value::from(*flag),
        BareItem::Integer(number) => Value::from(i64::from(*number)),
        BareItem::Decimal(number) => Value::from(number.to_string().parse::<f64>().unwrap()),
        BareItem::String(text) => Value::from(text.as_str()),
        BareItem::Token(token) => typed("token", Value::from(token.as_str())),
        BareItem::ByteSequence(bytes) => typed("binary", Value::from(base32(bytes))),
        BareItem::Date(date) => typed("date", Value::from(i64::from(date.unix_seconds()))),
        BareItem::DisplayString(text) => typed("displaystring", Value::from(text.as_str())),
    }
}

/// How the vectors write bytes (RFC 4648 §6).
fn base32(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for chunk in bytes.chunks(5) {
        let mut block = [0_u8; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(block);
        let digits = (chunk.len() * 8).div_ceil(5);
        for place in 0..8 {
            let digit = (bits >> (35 - 5 * place)) & 31;
            text.push(if place < digits { char::from(alphabet[digit as usize]) } else { '=' });
        }
    }
    text
}
