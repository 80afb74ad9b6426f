//! What a directory of 100,000 certificates costs before they are used, and when they are:
//! `cargo run --release -p weir-proxy --example certificate_scale`.

#![allow(clippy::unwrap_used, reason = "a measurement ends where something fails")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};
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
    let client = client();
    let before = resident_kib();
    let begun = Instant::now();
    let tls = ServerTls::build(&settings(folder.path()), &[b"h2"], None).unwrap();
    println!("loaded the listener of {NAMES} certificates in {:?}", begun.elapsed());
    println!("it takes {} KiB", resident_kib().saturating_sub(before));
    let begun = Instant::now();
    for number in 0..USED {
        greet(&tls, &client, number);
    }
    println!(
        "a hello for each of {USED}, its certificate read: {:?}",
        begun.elapsed() / USED as u32
    );
    let each = resident_kib().saturating_sub(before) * 1024 / USED as u64;
    println!("which take {each} bytes each");
    let begun = Instant::now();
    for number in 0..USED {
        greet(&tls, &client, number);
    }
    println!("a hello when it is there already: {:?}", begun.elapsed() / USED as u32);
}

/// The first message of a handshake, for which the certificate is looked up.
fn greet(tls: &ServerTls, client: &Arc<ClientConfig>, number: usize) {
    let name = ServerName::try_from(format!("{number}.example")).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(&tls.config)).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    server.read_tls(&mut hello.as_slice()).unwrap();
    server.process_new_packets().unwrap();
}

fn client() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
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
