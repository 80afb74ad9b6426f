//! TLS of the scripted clients and origins, by rustls: what a test asks for and what came of it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig};

use crate::authority::{Authority, Leaf};
use crate::client::Client;
use crate::sock::Sock;

/// What a client asks for. Its connections share sessions that can be resumed.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    name: String,
}

/// What was agreed upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shaken {
    /// `TLSv1_2` or `TLSv1_3`.
    pub version: String,
    /// The cipher suite.
    pub suite: String,
    /// The group of the key exchange.
    pub group: String,
    /// What is spoken.
    pub alpn: Option<String>,
    /// An earlier session goes on.
    pub is_resumed: bool,
    /// The server's certificates.
    pub chain: Vec<Vec<u8>>,
}

/// A TLS session over TCP. Dropped without [`Secured::say_farewell`], it is cut off.
#[derive(Debug)]
pub struct Secured {
    connection: Connection,
    socket: TcpStream,
}

impl TlsClient {
    /// Trusts this authority and asks for `a.test`, in TLS 1.2 or 1.3 and with any group.
    ///
    /// # Panics
    /// When the authority is none.
    #[must_use]
    pub fn trusting(authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority.der())).expect("an authority");
        Self::build(roots, None, rustls::ALL_VERSIONS)
    }

    /// As [`TlsClient::trusting`], with one version only and perhaps a certificate to show.
    ///
    /// # Panics
    /// When the authority or the certificate is none.
    #[must_use]
    pub fn with(authority: &Authority, version: &str, identity: Option<&Leaf>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority.der())).expect("an authority");
        let versions: &[&rustls::SupportedProtocolVersion] = match version {
            "1.2" => &[&rustls::version::TLS12],
            "1.3" => &[&rustls::version::TLS13],
            _ => rustls::ALL_VERSIONS,
        };
        Self::build(roots, identity, versions)
    }

    fn build(
        roots: RootCertStore,
        identity: Option<&Leaf>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(versions).expect("versions");
        let builder = builder.with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(leaf) => {
                builder.with_client_auth_cert(chain(leaf), key(leaf)).expect("an identity")
            }
        };
        Self { config: Arc::new(config), name: "a.test".to_owned() }
    }

    /// Asks for this name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Offers to speak these.
    #[must_use]
    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        let config = Arc::make_mut(&mut self.config);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// Why that failed, an alert of the server for example.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn shake(&self, addr: SocketAddr) -> Result<(Client, Shaken), String> {
        let socket = TcpStream::connect(addr).unwrap_or_else(|e| panic!("connect {addr}: {e}"));
        socket.set_nodelay(true).expect("nodelay");
        socket.set_read_timeout(Some(crate::PATIENCE)).expect("read timeout");
        let name = ServerName::try_from(self.name.clone()).expect("a name");
        let connection = ClientConnection::new(Arc::clone(&self.config), name).expect("a session");
        let mut secured = Secured { connection: connection.into(), socket };
        secured.shake_hands().map_err(|error| error.to_string())?;
        let shaken = secured.shaken();
        Ok((Client::over(Sock::Tls(Box::new(secured))), shaken))
    }

    /// Connects.
    ///
    /// # Panics
    /// When the handshake fails.
    #[must_use]
    pub fn connect(&self, addr: SocketAddr) -> Client {
        self.shake(addr).unwrap_or_else(|why| panic!("handshake with {addr}: {why}")).0
    }
}

impl Secured {
    /// A session on an accepted socket, for scripted origins.
    ///
    /// # Errors
    /// Why the handshake failed.
    ///
    /// # Panics
    /// When the leaf is unusable.
    pub fn serve(socket: TcpStream, leaf: &Leaf) -> io::Result<Self> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain(leaf), key(leaf))
            .expect("a pair");
        socket.set_read_timeout(Some(crate::PATIENCE))?;
        let connection = rustls::ServerConnection::new(Arc::new(config)).expect("a session");
        let mut secured = Self { connection: connection.into(), socket };
        secured.shake_hands()?;
        Ok(secured)
    }

    /// The socket below.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Announces the end of what we send, and ends it.
    pub fn say_farewell(&mut self) {
        self.connection.send_close_notify();
        let _gone_is_fine = self.push();
        let _gone_is_fine = self.socket.shutdown(Shutdown::Write);
    }

    fn shake_hands(&mut self) -> io::Result<()> {
        while self.connection.is_handshaking() {
            self.connection.complete_io(&mut self.socket)?;
        }
        self.push()
    }

    fn shaken(&self) -> Shaken {
        let c = &self.connection;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let certificates = c.peer_certificates().unwrap_or_default();
        Shaken {
            version: c.protocol_version().map(|v| format!("{v:?}")).unwrap_or_default(),
            suite: c
                .negotiated_cipher_suite()
                .map(|s| format!("{:?}", s.suite()))
                .unwrap_or_default(),
            group: c
                .negotiated_key_exchange_group()
                .map(|group| format!("{:?}", group.name()))
                .unwrap_or_default(),
            alpn: c.alpn_protocol().map(text),
            is_resumed: c.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            chain: certificates.iter().map(|certificate| certificate.to_vec()).collect(),
        }
    }

    fn push(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.socket)?;
        }
        Ok(())
    }
}

impl Read for Secured {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(out) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            // An end without a farewell is told by the next look at the reader.
            self.connection.read_tls(&mut self.socket)?;
            let processed = self.connection.process_new_packets();
            let _gone_is_fine = self.push();
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }
}

impl Write for Secured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.connection.writer().write(bytes)?;
        self.push()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn chain(leaf: &Leaf) -> Vec<CertificateDer<'static>> {
    let found = CertificateDer::pem_slice_iter(leaf.pem.as_bytes());
    found.collect::<Result<_, _>>().expect("PEM")
}

fn key(leaf: &Leaf) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).expect("PEM")
}
