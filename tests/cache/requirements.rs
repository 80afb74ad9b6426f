//! Every requirement of the RFCs on caching, as a table that is played against Weir. The tables
//! are the texts beside; how they are written stands in `requirements/table.rs`.

mod played;
mod table;

use std::collections::HashMap;

use super::Scene;
use table::{Proof, Row, rows};

#[test]
fn rfc9111_s1_to_s3_storing() {
    prove(include_str!("requirements/rfc9111_s1_to_s3.txt"));
}

#[test]
fn rfc9111_s4_to_s4_2_reusing() {
    prove(include_str!("requirements/rfc9111_s4_to_s4_2.txt"));
}

#[test]
fn rfc9111_s4_3_to_s4_4_validating() {
    prove(include_str!("requirements/rfc9111_s4_3_to_s4_4.txt"));
}

#[test]
fn rfc9111_s5_to_s8_fields() {
    prove(include_str!("requirements/rfc9111_s5_to_s8.txt"));
}

#[test]
fn rfc5861_stale() {
    prove(include_str!("requirements/rfc5861.txt"));
}

#[test]
fn rfc9211_telling() {
    prove(include_str!("requirements/rfc9211.txt"));
}

#[test]
fn rfc9213_targeted() {
    prove(include_str!("requirements/rfc9213.txt"));
}

/// Plays all rows of a table, and says which of them failed.
fn prove(text: &str) {
    let mut scenes = HashMap::new();
    let mut wrong = Vec::new();
    for row in rows(text) {
        let failed = match &row.proof {
            Proof::Elsewhere(why) => (why.len() < 10).then(|| "why?".to_owned()),
            Proof::Test(name) => (!exists(name)).then(|| format!("there is no test {name}")),
            Proof::Steps(_) => {
                let scene =
                    scenes.entry(row.cache.clone()).or_insert_with(|| Scene::new(&row.cache));
                row.play(scene).err()
            }
        };
        wrong.extend(failed.map(|why| format!("{}\n    {why}", row.name)));
    }
    assert!(wrong.is_empty(), "{} rows fail:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whether there is a test of this name: `file::name`.
fn exists(name: &str) -> bool {
    let (file, function) = name.split_once("::").expect("file::test");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cache");
    let text = std::fs::read_to_string(folder.join(format!("{file}.rs"))).unwrap_or_default();
    text.contains(&format!("#[test]\nfn {function}()"))
}

#[test]
fn the_tables_say_all_that_they_should() {
    let bad = ["§1 MUST: x", "MUST: x\n> GET ~/", "§1 MUST: x\n> GET ~/", "§1 MUST: x\n= kept"];
    for text in bad {
        assert!(std::panic::catch_unwind(|| drop(rows(text))).is_err(), "{text}");
    }
    let row: Vec<Row> = rows("§1 MAY: x\n> GET ~/a | A: 1\n< 200 | B: 2\n= fetched\n= status 200");
    assert_eq!((row.len(), row[0].cache.as_str()), (1, "cache"));
}
