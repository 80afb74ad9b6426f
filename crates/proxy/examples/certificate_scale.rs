//! What a directory of 100,000 certificates costs before they are used, and when they are:
//! `cargo run --release -p weir-proxy --example certificate_scale`.

#![allow(clippy::unwrap_used, reason = "a measurement ends where something fails")]

use std::path::Path;
use std::time::Instant;

use weir_proxy::tls::ServerTls;

const NAMES: usize = 100_000;
const USED: usize = 1_000;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let first = folder.path().join("0.example.pem");
    std::fs::write(&first, made.cert.pem() + &made.signing_key.serialize_pem()).unwrap();
    for number in 1..NAMES {
        let path = folder.path().join(format!("{number}.example.pem"));
        std::fs::copy(&first, path).unwrap();
    }
    let before = resident_kib();
    let begun = Instant::now();
    let tls = ServerTls::build(&settings(folder.path()), &[b"h2"], None).unwrap();
    println!("loaded the listener of {NAMES} certificates in {:?}", begun.elapsed());
    println!("it takes {} KiB", resident_kib().saturating_sub(before));
    let begun = Instant::now();
    for number in 0..USED {
        assert!(!tls.store.is_same(&format!("{number}.example"), "unknown.example"));
    }
    println!("the first use of each of {USED}: {:?}", begun.elapsed() / USED as u32);
    let each = resident_kib().saturating_sub(before) * 1024 / USED as u64;
    println!("which take {each} bytes each");
    let begun = Instant::now();
    for number in 0..USED {
        assert!(!tls.store.is_same(&format!("{number}.example"), "unknown.example"));
    }
    println!("every further one: {:?}", begun.elapsed() / USED as u32);
}

fn settings(folder: &Path) -> config::Tls {
    let span = config::Span::default();
    let path = folder.to_owned();
    config::Tls {
        certificates: Vec::new(),
        directory: Some(config::CertificateDirectory { path, loaded_max: 10_000, span }),
        unknown_name: config::UnknownName::Refuse,
        policy: config::TlsPolicy::Compatible,
        min_version: config::TlsVersion::Tls12,
        client_auth: None,
        span,
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
