//! Every file of `bad/` is refused, and what is said about it is held as a snapshot.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_bad_file_is_told_what_is_wrong() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let files = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    assert!(files.len() >= 45, "only {} files", files.len());
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        // The relative name keeps the machine's paths out of the snapshot.
        let report = weir_config::load_text(&format!("tests/bad/{name}"), &text)
            .map(|config| format!("{config:#?}"))
            .expect_err(name);
        assert!(report.errors() > 0, "{name}");
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(stem, report.render(false));
        });
    }
}
