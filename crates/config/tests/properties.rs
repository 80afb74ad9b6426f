//! No text makes the loader or the layout panic, and laying out twice is laying out once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use proptest::prelude::*;
use weir_config::{format, load_text};

/// Pieces that a configuration is made of, and some that break one.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "listen",
        "site",
        "route",
        "proxy",
        "upstream",
        "server",
        "limits",
        "timeouts",
        "respond",
        "match",
        "redirect",
        "rewrite",
        "error-page",
        "request-headers",
        "set",
        "access-log",
        "tls",
        "certificate",
        "client-auth",
        "pin",
        "h2",
        "hsts",
        "\":80\"",
        "\"/*\"",
        "\"~^/(a\"",
        "\"/{path.rest}\"",
        "\"{env.X:y}\"",
        "\"5s\"",
        "200",
        "-1",
        "0x7f",
        "1.5",
        "#true",
        "#null",
        "=",
        "{",
        "}",
        ";",
        "\n",
        "\\\n",
        "//x\n",
        "/*",
        "*/",
        "/-",
        "\"",
        "\"\"\"",
        "#\"",
        "\"#",
        "\\",
        "(",
        ")",
        "é",
        "\u{2028}",
        "\r",
        "\t",
        " ",
        "weight=2",
        "methods=\"GET\"",
        "status=308",
        "header=\"A\"",
        "\"*.b\"",
        "\"[::1]:1\"",
    ];
    prop::sample::select(words.to_vec()).prop_map(|word| format!("{word} "))
}

fn text() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat());
    prop_oneof![pieces, ".{0,80}", "[ -~\n]{0,80}"]
}

/// A good text with one part replaced by something else.
fn mutated() -> impl Strategy<Value = String> {
    let good = include_str!("good/full.kdl");
    (0..good.len(), 0usize..30, "[ -~\n]{0,4}").prop_map(move |(at, length, other)| {
        let start = good.floor_char_boundary(at);
        let end = good.floor_char_boundary((at + length).min(good.len())).max(start);
        format!("{}{other}{}", &good[..start], &good[end..])
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn nothing_panics(text in prop_oneof![text(), mutated()]) {
        for name in ["weir.kdl", "weir.json"] {
            if let Err(report) = load_text(name, &text) {
                prop_assert!(report.errors() > 0);
                prop_assert!(report.render(true).contains("error"));
            }
        }
    }

    #[test]
    fn layout_settles(text in prop_oneof![text(), mutated()]) {
        if let Ok(once) = format(&text) {
            prop_assert_eq!(format(&once).ok(), Some(once));
        }
    }
}
