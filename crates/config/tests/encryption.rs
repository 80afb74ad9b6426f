//! What good configurations say of TLS and HTTP/2, from text to model.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use weir_config::{
    Action, Config, HeaderOp, Http2, Placeholder, Protocols, Span, TemplateSegment, Tls, TlsPolicy,
    TlsValue, TlsVersion, UnknownName, Upstream, UpstreamProtocol, load, load_text,
};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good")
}

fn certs(name: &str) -> PathBuf {
    directory().join("certs").join(name)
}

fn full() -> Config {
    load(&directory().join("full.kdl")).unwrap_or_else(|report| panic!("{report}"))
}

/// A text whose relative paths are those of `tests/good`.
fn good(text: &str) -> Config {
    let name = directory().join("weir.kdl");
    load_text(name.to_str().unwrap(), text).unwrap_or_else(|report| panic!("{report}"))
}

fn tls(lines: &str) -> Tls {
    let config = good(&format!("listen \":443\" {{ tls {{\n{lines}\n}}\n}}"));
    config.listeners[0].tls.clone().unwrap()
}

fn upstream(lines: &str) -> Upstream {
    let text = format!("listen \":80\"\nupstream \"app\" {{\nserver \"127.0.0.1:1\"\n{lines}\n}}");
    good(&text).upstreams.remove(0)
}

#[test]
fn a_listener_with_everything() {
    let config = full();
    let listener = &config.listeners[5];
    assert_eq!(listener.protocols, Protocols { h1: false, h2: true });
    assert_eq!(listener.redirect_https, None);
    let tls = listener.tls.as_ref().unwrap();
    let [first, second] = tls.certificates.as_slice() else { panic!("two certificates") };
    assert_eq!((&first.chain, &first.key), (&certs("example.pem"), &certs("example.key")));
    assert_eq!(first.ocsp, Some(certs("example.ocsp")));
    assert_eq!((&second.chain, &second.key), (&certs("own.pem"), &certs("own.pem")));
    assert_eq!(second.ocsp, None);
    let sites = tls.directory.as_ref().unwrap();
    assert_eq!((&sites.path, sites.loaded_max), (&certs("sites"), 5));
    assert_eq!(tls.unknown_name, UnknownName::Refuse);
    assert_eq!((tls.policy, tls.min_version), (TlsPolicy::Modern, TlsVersion::Tls13));
    let clients = tls.client_auth.as_ref().unwrap();
    assert!(clients.required);
    assert_eq!((&clients.ca, &clients.crl), (&certs("clients.pem"), &Some(certs("clients.crl"))));
    assert_eq!(
        (clients.header.as_str(), clients.chain_header.as_deref()),
        ("X-Cert", Some("X-Chain"))
    );
    let redirect = config.listeners[6].redirect_https.unwrap();
    assert_eq!((redirect.port, redirect.status), (8443, 301));
}

#[test]
fn a_listener_with_little() {
    let tls = tls("certificate \"certs/example.pem\"");
    assert_eq!(tls.unknown_name, UnknownName::Default);
    assert_eq!((tls.policy, tls.min_version), (TlsPolicy::Compatible, TlsVersion::Tls12));
    assert!(tls.directory.is_none() && tls.client_auth.is_none());
    let config = good("listen \":80\" { redirect-https; }\nlisten \":81\"");
    let redirect = config.listeners[0].redirect_https.unwrap();
    assert_eq!((redirect.port, redirect.status), (443, 308));
    let plain = &config.listeners[1];
    assert_eq!(plain.protocols, Protocols { h1: true, h2: true });
    assert!(plain.tls.is_none() && plain.redirect_https.is_none());
}

#[test]
fn policies_and_versions() {
    let version = |lines: &str| {
        let tls = tls(&format!("certificate \"certs/own.pem\"\n{lines}"));
        (tls.policy, tls.min_version)
    };
    assert_eq!(version("policy \"modern\""), (TlsPolicy::Modern, TlsVersion::Tls13));
    assert_eq!(version("min-version \"1.3\""), (TlsPolicy::Compatible, TlsVersion::Tls13));
    assert_eq!(version("min-version \"1.2\""), (TlsPolicy::Compatible, TlsVersion::Tls12));
    let text = "policy \"modern\"\nmin-version \"1.3\"";
    assert_eq!(version(text), (TlsPolicy::Modern, TlsVersion::Tls13));
}

#[test]
fn a_directory_alone_has_no_default() {
    let alone = tls("certificates \"certs/sites\"");
    assert_eq!(alone.unknown_name, UnknownName::Refuse);
    assert_eq!(alone.directory.unwrap().loaded_max, 10_000);
    let both = tls("certificates \"certs/sites\"\ncertificate \"certs/own.pem\"");
    assert_eq!(both.unknown_name, UnknownName::Default);
}

#[test]
fn certificates_of_clients() {
    let clients =
        |line: &str| tls(&format!("certificate \"certs/own.pem\"\nclient-auth {line}")).client_auth;
    assert_eq!(clients("\"none\""), None);
    let optional = clients("\"optional\" ca=\"certs/clients.pem\"").unwrap();
    assert!(!optional.required && optional.crl.is_none() && optional.chain_header.is_none());
    assert_eq!(optional.header, "Client-Cert");
}

#[test]
fn upstreams_with_tls() {
    let config = full();
    let safe = config.upstream("safe").unwrap();
    assert_eq!(safe.protocol, UpstreamProtocol::Auto);
    assert_eq!(safe.connections.streams_max, 7);
    let tls = safe.tls.as_ref().unwrap();
    assert_eq!(tls.server_name.as_deref(), Some("app.internal"));
    assert_eq!(tls.ca, Some(certs("internal.pem")));
    assert_eq!(tls.certificate, Some((certs("own.pem"), certs("own.key"))));
    assert_eq!(tls.pins, [[0; 32], [1; 32], [0xff; 32]]);
    assert!(tls.verify);
    let plain = config.upstream("plain").unwrap();
    assert!(plain.tls.is_none() && plain.protocol == UpstreamProtocol::H1);
    assert_eq!(plain.connections.streams_max, 100);
}

#[test]
fn upstreams_with_little() {
    let bare = upstream("tls").tls.unwrap();
    assert!(bare.verify && bare.server_name.is_none() && bare.ca.is_none());
    assert!(bare.certificate.is_none() && bare.pins.is_empty());
    let own = upstream("tls certificate=\"certs/own.pem\"").tls.unwrap();
    assert_eq!(own.certificate, Some((certs("own.pem"), certs("own.pem"))));
    let unverified = upstream("tls verify=#false\nserver \"unix:/run/app.sock\"").tls.unwrap();
    assert!(!unverified.verify);
    let address = upstream("tls server-name=\"::1\"\nprotocol \"h2\"");
    assert_eq!(address.tls.unwrap().server_name.as_deref(), Some("::1"));
    assert_eq!(address.protocol, UpstreamProtocol::H2);
}

#[test]
fn the_cost_of_http2_and_of_handshakes() {
    let config = full();
    let expected = Http2 {
        streams_max: 100,
        stream_window: 65_535,
        connection_window: 1 << 30,
        send_bytes_max: 16 << 10,
        abuse_budget: 100,
        abuse_refill: 1,
        span: config.h2.span,
    };
    assert_eq!(config.h2, expected);
    assert_eq!(config.limits.tls_handshakes_per_client, 10);
    assert_eq!(config.timeouts.tls_handshake, Duration::from_secs(3));
    let config = good("listen \":80\"");
    let expected = Http2 {
        streams_max: 128,
        stream_window: 256 << 10,
        connection_window: 1 << 20,
        send_bytes_max: 256 << 10,
        abuse_budget: 2000,
        abuse_refill: 200,
        span: Span::default(),
    };
    assert_eq!(config.h2, expected);
    assert_eq!(config.limits.tls_handshakes_per_client, 1000);
    assert_eq!(config.timeouts.tls_handshake, Duration::from_secs(10));
}

#[test]
fn browsers_are_told_to_come_encrypted() {
    const DAY: Duration = Duration::from_secs(86_400);
    let hsts = |site: &weir_config::Site| {
        site.hsts.as_ref().map(|hsts| (hsts.max_age, hsts.subdomains, hsts.preload))
    };
    let config = full();
    assert_eq!(hsts(&config.sites[0]), Some((366 * DAY, true, true)));
    assert_eq!(hsts(&config.sites[1]), None);
    let config = good("listen \":80\"\nsite { hsts; }\nsite \"a\" { hsts max-age=\"5s\"; }");
    assert_eq!(hsts(&config.sites[0]), Some((365 * DAY, false, false)));
    assert_eq!(hsts(&config.sites[1]), Some((Duration::from_secs(5), false, false)));
}

#[test]
fn placeholders_of_the_encryption() {
    let config = full();
    let route = &config.sites[2].routes[0];
    assert!(matches!(&route.action, Action::Proxy(proxy) if proxy.upstream == "safe"));
    let values = route.request_headers.iter().flat_map(|edit| match edit {
        HeaderOp::Set { value, .. } => value.segments.clone(),
        other => panic!("{other:?}"),
    });
    let expected = [
        TlsValue::Version,
        TlsValue::Cipher,
        TlsValue::ServerName,
        TlsValue::Alpn,
        TlsValue::ClientSubject,
        TlsValue::ClientFingerprint,
        TlsValue::ClientSerial,
    ];
    let expected = expected.map(|value| TemplateSegment::Placeholder(Placeholder::Tls(value)));
    assert_eq!(values.collect::<Vec<_>>(), expected);
}
