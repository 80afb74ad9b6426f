//! Configurations: any text loads or is refused with diagnostics that can be rendered, and what
//! can be formatted stays formatted.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Err(report) = weir_config::load_text("fuzz.kdl", text) {
        assert!(report.errors() > 0, "a refusal says why");
        assert!(report.render(false).contains("error"));
    }
    if let Ok(once) = weir_config::format(text) {
        let twice = weir_config::format(&once);
        assert_eq!(twice.ok().as_deref(), Some(once.as_str()), "formatting is idempotent");
    }
});
