//! `format`: the canonical layout, told as before and after.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use weir_config::format;

fn formatted(text: &str) -> String {
    let once = format(text).unwrap_or_else(|report| panic!("{report}"));
    let twice = format(&once).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(once, twice, "laying out again changes it");
    once
}

fn check(before: &str, after: &str) {
    assert_eq!(formatted(before), after.trim_start_matches('\n'));
}

#[test]
fn indentation_and_spaces() {
    check(
        "site   \"a\"  {\n  route  \"/*\"   methods = \"GET\"  \"POST\"{\nproxy   \"app\"  ;\n}\n}",
        "
site \"a\" {
    route \"/*\" methods=\"GET\" \"POST\" {
        proxy \"app\"
    }
}
",
    );
}

#[test]
fn blocks_on_one_line_stay_there_while_they_fit() {
    check("a {b 1;c 2 ;}\nd { }\ne {\n}\n", "a { b 1; c 2 }\nd {}\ne {}\n");
    let long = format!("a {{ b \"{}\"; c 1; }}\n", "x".repeat(100));
    let expected = format!("a {{\n    b \"{}\"\n    c 1\n}}\n", "x".repeat(100));
    check(&long, &expected);
}

#[test]
fn comments_stay_and_those_in_a_row_align() {
    check(
        "// head\n\n\n\nlisten \":80\" // one\nlisten \"unix:/run/weir.sock\"    // two\n\
         site { // three\n  // four\n  \
         /* five */ route \"/\" { respond 200; }\n  \
         /-route \"/x\" {\n}\n}\n// end",
        "
// head

listen \":80\"                 // one
listen \"unix:/run/weir.sock\" // two
site { // three
    // four
    /* five */ route \"/\" { respond 200 }
    /-route \"/x\" {}
}
// end
",
    );
}

#[test]
fn strings_of_all_sorts_are_left_alone() {
    let text = "a #\"r\\aw  \"#\nb \"\"\"\n      many\n    lines\n    \"\"\"\nc \"x  {  y\"\n";
    check(text, text);
}

#[test]
fn lines_that_go_on() {
    check("a \\\n   b \\ // why\n c\n", "// why\na \\\n    b \\\n    c\n");
    check("a; b ;c\n", "a\nb\nc\n");
    check("/- // gone\n a 1\nb", "// gone\n/-a 1\nb\n");
}

#[test]
fn what_is_not_kdl_is_refused() {
    let report = format("site {").expect_err("it is not closed");
    assert_eq!(report.diagnostics[0].message, "this `{` is never closed");
}

#[test]
fn the_empty_text() {
    check("", "");
    check("\n\n\n", "");
}

#[test]
fn the_specimen_keeps_its_comments() {
    let specimen = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/weir.kdl");
    let Ok(text) = std::fs::read_to_string(specimen) else {
        eprintln!("skipped: {specimen} is absent");
        return;
    };
    let laid_out = formatted(&text);
    assert_eq!(text.matches("//").count(), laid_out.matches("//").count());
}
