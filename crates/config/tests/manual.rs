//! The manual says what the table says, its examples load, and the schema knows every node.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::fs;

use weir_config::{json_schema, load_text, reference};

const MANUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
const MARK: &str =
    "<!-- What follows is written by `WEIR_BLESS=1 cargo test -p weir-config`. -->\n";

#[test]
fn the_reference_is_that_of_the_table() {
    let manual = fs::read_to_string(MANUAL).unwrap();
    let (head, tail) = manual.split_once(MARK).expect("the mark");
    let expected = format!("\n{}", reference());
    if std::env::var_os("WEIR_BLESS").is_some() {
        fs::write(MANUAL, format!("{head}{MARK}{expected}")).unwrap();
        return;
    }
    assert_eq!(tail, expected, "run it with WEIR_BLESS=1 to write the manual");
}

/// The code blocks of one language that stand above the reference.
fn examples(language: &str) -> Vec<String> {
    let manual = fs::read_to_string(MANUAL).unwrap();
    let (head, _) = manual.split_once(MARK).expect("the mark");
    let opening = format!("```{language}\n");
    let blocks = head.split(&opening).skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_examples_load() {
    for (language, name) in [("kdl", "weir.kdl"), ("json", "weir.json")] {
        let examples = examples(language);
        assert!(!examples.is_empty());
        for example in examples {
            load_text(name, &example).unwrap_or_else(|report| panic!("{report}"));
        }
    }
}

#[test]
fn the_schema_knows_what_the_reference_knows() {
    let schema = json_schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let text = schema.to_string();
    for heading in reference().lines().filter_map(|line| line.strip_prefix("## `")) {
        let name = heading.trim_end_matches('`');
        assert!(schema["properties"][name].is_object(), "{name}");
    }
    assert!(!text.contains("rate-limit"), "what is not supported yet is left out");
    assert!(text.contains("strip-prefix") && text.contains("body-bytes-max"));
}
