//! The header of the PROXY protocol: any bytes, in any number of steps, come to one end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_proxy::proxy_protocol::header::{HEADER_BYTES_MAX, parse};

fuzz_target!(|input: &[u8]| {
    let input = input.get(..HEADER_BYTES_MAX).unwrap_or(input);
    let whole = parse(input);
    for end in [input.len() / 3, input.len() / 2] {
        match parse(input.get(..end).unwrap_or_default()) {
            // What is settled early stays settled.
            Ok(None) => {}
            early => assert_eq!(format!("{early:?}"), format!("{whole:?}")),
        }
    }
    if let Ok(Some(header)) = whole {
        assert!(header.length <= input.len());
    }
});
