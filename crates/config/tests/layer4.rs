//! What good configurations say of layer 4, from text to model.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::path::Path;
use std::time::Duration;

use weir_config::{Config, ListenerProtocol, ProxyPeer, ProxyVersion, load, load_text};

fn full() -> Config {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/full.kdl");
    load(&file).unwrap_or_else(|report| panic!("{report}"))
}

fn good(text: &str) -> Config {
    load_text("weir.kdl", text).unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn raw_listeners() {
    let config = full();
    let raw: Vec<_> = config
        .listeners
        .iter()
        .filter(|listener| listener.protocol == ListenerProtocol::Tcp)
        .collect();
    let [plain, encrypted] = raw.as_slice() else { panic!("two raw listeners") };
    assert_eq!(plain.forward.as_ref().unwrap().upstream, "raw");
    let from = ["10.0.0.0/8", "::1/128"].map(|net| ProxyPeer::Network(net.parse().unwrap()));
    assert_eq!(plain.proxy_protocol, [&from[..], &[ProxyPeer::Unix]].concat());
    assert!(plain.tls.is_none() && encrypted.tls.is_some());
    assert!(encrypted.proxy_protocol.is_empty());
    assert_eq!(config.timeouts.tcp_idle, Duration::from_secs(3 * 3600));
    assert_eq!(config.upstream("raw").unwrap().proxy_protocol, Some(ProxyVersion::V2));
}

#[test]
fn what_is_not_said() {
    let config = good("listen \":80\"\nupstream \"a\" { server \"127.0.0.1:1\"; }");
    assert_eq!(config.listeners[0].protocol, ListenerProtocol::Http);
    assert_eq!(config.listeners[0].forward, None);
    assert!(config.listeners[0].proxy_protocol.is_empty());
    assert_eq!(config.upstreams[0].proxy_protocol, None);
    assert_eq!(config.timeouts.tcp_idle, Duration::from_secs(3600));
}

#[test]
fn an_upstream_may_be_there_for_a_listener_alone() {
    let text = "listen \":1\" protocol=\"tcp\" { proxy \"a\"; }
        upstream \"a\" { server \"127.0.0.1:1\"; proxy-protocol \"v1\"; }";
    let config = good(text);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(config.upstreams[0].proxy_protocol, Some(ProxyVersion::V1));
}
