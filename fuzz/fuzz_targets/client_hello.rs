//! The first message of a TLS client: any bytes, in any number of steps, come to one end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_proxy::layer4::hello::parse;

fuzz_target!(|input: &[u8]| {
    let whole = parse(input);
    for end in [input.len() / 3, input.len() / 2] {
        match parse(input.get(..end).unwrap_or_default()) {
            // What is settled early stays settled.
            Ok(None) => {}
            early => assert_eq!(early, whole),
        }
    }
    if let Ok(Some(hello)) = whole {
        assert!(hello.name.is_none_or(|name| name.is_ascii() && name == name.to_lowercase()));
        assert!(hello.alpn.iter().all(|protocol| (1..=255).contains(&protocol.len())));
    }
});
