//! The language by example, as it is agreed on outside this repository: what is not built is
//! refused as "not supported yet" and for no other reason, and all the rest loads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use weir_config::{
    Action, Config, ListenerProtocol, Protocols, Report, TlsVersion, UpstreamProtocol, load,
};

const SPECIMEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/weir.kdl");

/// What it names: they only have to be there.
const FILES: [&str; 5] = [
    "errors/sorry.html",
    "certs/example.pem",
    "certs/example.key",
    "certs/clients.pem",
    "certs/internal.pem",
];

/// The text with the files that it names beside it; none where the text is absent.
fn load_with(change: impl Fn(&str) -> String) -> Option<Result<Config, Report>> {
    let Ok(text) = fs::read_to_string(SPECIMEN) else {
        eprintln!("skipped: {SPECIMEN} is absent");
        return None;
    };
    let directory = tempfile::tempdir().unwrap();
    for name in FILES {
        let file = directory.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }
    let path: PathBuf = directory.path().join("weir.kdl");
    fs::write(&path, change(&text)).unwrap();
    Some(load(Path::new(&path)))
}

#[test]
fn only_what_is_not_built_is_refused() {
    let Some(result) = load_with(str::to_owned) else { return };
    let report = result.expect_err("much of it is not built yet");
    for found in &report.diagnostics {
        assert!(found.message.ends_with("is not supported yet"), "{report}");
    }
    let messages: Vec<_> = report.diagnostics.iter().map(|found| &found.message).collect();
    for name in ["h3", "rate-limit"] {
        let expected = format!("`{name}` is not supported yet");
        assert!(messages.contains(&&expected), "{expected}");
    }
    for name in ["h2", "tls", "zone", "backup", "p2c", "sticky", "eject", "retry"] {
        let other = format!("`{name}` is not supported yet");
        assert!(!messages.contains(&&other), "{other}");
    }
}

#[test]
fn what_is_left_loads_and_means_what_it_says() {
    let Some(result) = load_with(supported_part) else { return };
    let config = result.unwrap_or_else(|report| panic!("{report}"));
    let addresses: Vec<_> = config.listeners.iter().map(|l| l.address.to_string()).collect();
    assert_eq!(addresses, ["[::]:80", "[::]:443", "unix:/run/weir.sock", "[::]:5432", "[::]:8443"]);
    assert_eq!(config.trusted_proxies.len(), 2);
    let [plain, encrypted, _, raw, passing] = config.listeners.as_slice() else { panic!("five") };
    assert_eq!(passing.protocol, ListenerProtocol::TlsPassthrough);
    assert_eq!(passing.pass_routes[0].forward.upstream, "postgres");
    assert_eq!(raw.protocol, ListenerProtocol::Tcp);
    assert!(plain.tls.is_none() && plain.protocols == Protocols { h1: true, h2: true });
    assert_eq!(encrypted.protocols, Protocols { h1: true, h2: true });
    let tls = encrypted.tls.as_ref().unwrap();
    assert!(tls.certificates[0].chain.ends_with("certs/example.pem"));
    assert!(tls.certificates[0].key.ends_with("certs/example.key"));
    assert_eq!(tls.min_version, TlsVersion::Tls12);
    let client_auth = tls.client_auth.as_ref().unwrap();
    assert!(!client_auth.required && client_auth.ca.ends_with("certs/clients.pem"));
    let app = config.upstream("app").unwrap();
    let tls = app.tls.as_ref().unwrap();
    assert_eq!(tls.server_name.as_deref(), Some("app.internal"));
    assert!(tls.verify && tls.ca.as_ref().unwrap().ends_with("certs/internal.pem"));
    assert_eq!(app.protocol, UpstreamProtocol::H1);
    let check = app.health_check.as_ref().unwrap();
    assert_eq!((check.healthy, check.unhealthy), (2, 3));
    let servers: Vec<_> = app.servers.iter().map(|s| (s.address.to_string(), s.weight)).collect();
    let expected = [
        ("10.0.0.1:8080", 2),
        ("10.0.0.2:8080", 1),
        ("app.internal:8080", 1),
        ("unix:/run/app.sock", 1),
        ("10.0.0.9:8080", 1),
    ];
    assert_eq!(servers, expected.map(|(address, weight)| (address.to_owned(), weight)));
    let [site] = config.sites.as_slice() else { panic!("one site") };
    let routes: Vec<_> = site.routes.iter().map(|route| route.path.to_string()).collect();
    let expected =
        ["/static/*", "/old/*", "/api/*", "=/robots.txt", "~^/u/(?<id>[0-9]+)$", "/canary/*", "/*"];
    assert_eq!(routes, expected);
    let Action::Split(split) = &site.routes[5].action else { panic!("a split") };
    let parts: Vec<_> = split.targets.iter().map(|part| part.weight).collect();
    assert_eq!(parts, [95, 5]);
    assert_eq!(site.error_pages[0].statuses, [502, 503, 504]);
    assert_eq!(config.access_logs.len(), 1);
    assert!(config.admin.is_some());
}

/// The text without what is not built: whole lines, blocks that they open, and properties.
fn supported_part(text: &str) -> String {
    let dropped = ["rate-limit", "route \"/files"];
    let mut result = String::new();
    let mut inside = false;
    for line in text.lines() {
        let code = line.trim_start();
        if inside {
            inside = code != "}";
            continue;
        }
        if dropped.iter().any(|start| code.starts_with(start)) {
            let code = code.split("//").next().unwrap_or(code).trim_end();
            inside = code.ends_with('{');
            continue;
        }
        result.push_str(&line.replace(" \"h3\"", ""));
        result.push('\n');
    }
    result
}
