//! Load over TLS: handshakes, large downloads, connections that wait. Certificates are not looked
//! at, since a benchmark's are its own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme,
    StreamOwned,
};

use crate::load::source;
use crate::tally::Tally;
use crate::wire;

/// A connection that is encrypted.
pub type Secure = StreamOwned<ClientConnection, TcpStream>;

/// Takes any certificate.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// TLS 1.3 with what every contender has: X25519 and AES-128-GCM.
pub fn client(resume: bool) -> io::Result<Arc<ClientConfig>> {
    let mut provider = default_provider();
    provider.kx_groups = vec![kx_group::X25519];
    provider.cipher_suites = vec![cipher_suite::TLS13_AES_128_GCM_SHA256];
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    config.resumption = if resume {
        Resumption::store(Arc::new(ClientSessionMemoryCache::new(64)))
    } else {
        Resumption::disabled()
    };
    Ok(Arc::new(config))
}

/// Connects and begins a session; the handshake runs with the first bytes.
pub fn connect(
    config: &Arc<ClientConfig>,
    target: SocketAddr,
    number: usize,
) -> io::Result<Secure> {
    let stream = wire::connect(source(number), target)?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(session, stream))
}

fn ask(stream: &mut Secure, path: &str, close: bool) -> io::Result<()> {
    let close = if close { "Connection: close\r\n" } else { "" };
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{close}\r\n");
    stream.write_all(head.as_bytes())
}

/// Reads a response with a length, and tells that of its body.
fn answer(stream: &mut Secure, scratch: &mut [u8]) -> io::Result<u64> {
    let mut filled = 0;
    let end = loop {
        let count = stream.read(&mut scratch[filled..])?;
        filled += count;
        let head = &scratch[..filled];
        if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&scratch[..end]).to_ascii_lowercase();
    let declared = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let declared: Option<u64> = declared.and_then(|text| text.trim().parse().ok());
    let declared = declared.filter(|_| head.starts_with("http/1.1 200 "));
    let declared = declared.ok_or_else(|| io::Error::other(head))?;
    let mut left = declared.saturating_sub((filled - end) as u64);
    while left > 0 {
        match stream.read(scratch)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => left = left.saturating_sub(count as u64),
        }
    }
    Ok(declared)
}

/// A connection, one small request and an end, over and over on a few threads.
pub fn handshakes(
    target: SocketAddr,
    resume: bool,
    (lanes, time): (usize, Duration),
) -> io::Result<Tally> {
    let begun = Instant::now();
    let (requests, errors) = (AtomicU64::new(0), AtomicU64::new(0));
    let lane = |lane: usize| -> io::Result<()> {
        let config = client(resume)?;
        let mut scratch = vec![0; 16 * 1024];
        for number in 0.. {
            if begun.elapsed() >= time {
                break;
            }
            let mut stream = connect(&config, target, lane + number)?;
            let sized = ask(&mut stream, "/small", true)
                .and_then(|()| answer(&mut stream, &mut scratch))
                .is_ok_and(|length| length == 128);
            let resumed = stream.conn.handshake_kind() == Some(HandshakeKind::Resumed);
            // The first one of a lane has nothing to resume.
            let right = sized && resumed == (resume && number > 0);
            requests.fetch_add(u64::from(right), Relaxed);
            errors.fetch_add(u64::from(!right), Relaxed);
        }
        Ok(())
    };
    std::thread::scope(|scope| -> io::Result<()> {
        let lanes: Vec<_> =
            (0..lanes).map(|number| scope.spawn(move || lane(number * 1000))).collect();
        let failed = |_| io::Error::other("a lane has panicked");
        lanes.into_iter().try_for_each(|lane| lane.join().map_err(failed)?)
    })?;
    Ok(tally(&requests, &errors, begun))
}

/// One download after the other.
pub fn downloads(target: SocketAddr, path: &str, requests_max: u64) -> io::Result<Tally> {
    let begun = Instant::now();
    let mut scratch = vec![0; 256 * 1024];
    let config = client(false)?;
    for number in 0..requests_max {
        let mut stream = connect(&config, target, number as usize)?;
        ask(&mut stream, path, true)?;
        answer(&mut stream, &mut scratch)?;
    }
    Ok(tally(&AtomicU64::new(requests_max), &AtomicU64::new(0), begun))
}

/// Connections with one answered request each.
pub fn idle(target: SocketAddr, connections: usize) -> io::Result<Vec<Secure>> {
    let config = client(false)?;
    let mut scratch = vec![0; 16 * 1024];
    let open = |number| {
        let mut stream = connect(&config, target, number)?;
        ask(&mut stream, "/small", false)?;
        answer(&mut stream, &mut scratch)?;
        Ok(stream)
    };
    (0..connections).map(open).collect()
}

fn tally(requests: &AtomicU64, errors: &AtomicU64, begun: Instant) -> Tally {
    let mut tally = Tally::default();
    tally.requests = requests.load(Relaxed);
    tally.errors = errors.load(Relaxed);
    tally.elapsed = begun.elapsed();
    tally
}
