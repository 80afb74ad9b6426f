//! Requests of our own by HTTP/1.1, for what is asked for many times over: a connection is kept
//! while the next request is for the same place. Every wait has an end, and contents are bounded
//! or dropped as they come.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use proxy::tls::ClientTls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How URLs are reached.
#[derive(Debug)]
pub struct Dialer {
    /// Every connection goes to this host and port, whatever the URL says.
    pub to: Option<(String, u16)>,
    /// How long anything may take that brings no progress: to connect, to shake hands, to get
    /// the head of an answer, to get the next piece of its content.
    pub idle_timeout: Duration,
    tls: ClientTls,
}

impl Dialer {
    /// Verifies servers by the authorities of a file, else by those of the system, else not at
    /// all.
    ///
    /// # Errors
    /// The file cannot be used, or the system has no authorities.
    pub fn new(
        to: Option<(String, u16)>,
        idle_timeout: Duration,
        (ca, verify): (Option<&Path>, bool),
    ) -> Result<Self, String> {
        let tls = config::UpstreamTls {
            server_name: None,
            ca: ca.map(Path::to_path_buf),
            certificate: None,
            verify,
            pins: Vec::new(),
            span: config::Span::default(),
        };
        let tls = ClientTls::build(&tls, &[b"http/1.1"]).map_err(|fault| fault.message)?;
        Ok(Self { to, idle_timeout, tls })
    }

    async fn connect(&self, place: &Place) -> Result<SendRequest<Empty<Bytes>>, String> {
        let (host, port) = match &self.to {
            Some((host, port)) => (host.as_str(), *port),
            None => (place.host.trim_matches(['[', ']']), place.port),
        };
        let stream = self.wait("connecting", TcpStream::connect((host, port))).await?;
        // Requests are single small writes; one that cannot be sent at once is none the worse.
        let _ = stream.set_nodelay(true);
        if !place.is_encrypted {
            return self.wait("connecting", handshake(stream)).await;
        }
        let name = self.tls.server_name(&place.host).ok_or("there is no name to verify")?;
        let connector = TlsConnector::from(Arc::clone(&self.tls.config));
        let secured = self.wait("the TLS handshake", connector.connect(name, stream)).await?;
        self.wait("connecting", handshake(secured)).await
    }

    /// Waits for something as long as it may take.
    async fn wait<T, E: std::fmt::Display>(
        &self,
        what: &str,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, String> {
        let limit = self.idle_timeout;
        match timeout(limit, future).await {
            Ok(done) => done.map_err(|error| format!("{what}: {error}")),
            Err(_elapsed) => Err(format!("{what}: nothing came within {limit:?}")),
        }
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<SendRequest<Empty<Bytes>>, hyper::Error> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender, or with the server's side.
    tokio::spawn(connection);
    Ok(sender)
}

/// Where a connection leads.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    is_encrypted: bool,
    host: String,
    port: u16,
}

impl Place {
    fn of(uri: &Uri) -> Result<Self, String> {
        let is_encrypted = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("a URL begins with http:// or https://".to_owned()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or("the URL has no host")?;
        let port = uri.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
        Ok(Self { is_encrypted, host: host.to_owned(), port })
    }
}

/// Whether requests can be made for a URL.
///
/// # Errors
/// Why not.
pub fn check(uri: &Uri) -> Result<(), String> {
    Place::of(uri).map(|_| ())
}

/// Requests one after the other, on one connection while they are for one place.
#[derive(Debug)]
pub struct Fetcher<'a> {
    dialer: &'a Dialer,
    kept: Option<(Place, SendRequest<Empty<Bytes>>)>,
}

impl<'a> Fetcher<'a> {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(dialer: &'a Dialer) -> Self {
        Self { dialer, kept: None }
    }

    /// GET with these fields; `Host` is that of the URL. The content has to be read or dropped
    /// by [`Self::drop_content`] or [`Self::content`] before the next request.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn get(
        &mut self,
        uri: &Uri,
        fields: &HeaderMap,
    ) -> Result<Response<Incoming>, String> {
        let place = Place::of(uri)?;
        if let Some(mut sender) = self.kept_for(&place) {
            // It may have been closed meanwhile, which is not the fault of this request.
            if sender.ready().await.is_ok()
                && let Ok(response) = self.send(&mut sender, uri, fields).await
            {
                self.kept = Some((place, sender));
                return Ok(response);
            }
        }
        let mut sender = self.dialer.connect(&place).await?;
        let response = self.send(&mut sender, uri, fields).await?;
        self.kept = Some((place, sender));
        Ok(response)
    }

    fn kept_for(&mut self, place: &Place) -> Option<SendRequest<Empty<Bytes>>> {
        self.kept.take().filter(|(kept, _)| kept == place).map(|(_, sender)| sender)
    }

    async fn send(
        &self,
        sender: &mut SendRequest<Empty<Bytes>>,
        uri: &Uri,
        fields: &HeaderMap,
    ) -> Result<Response<Incoming>, String> {
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path).version(Version::HTTP_11).header(HOST, host);
        let mut request = request.body(Empty::new()).map_err(|error| error.to_string())?;
        request.headers_mut().extend(fields.clone());
        self.dialer.wait("the answer", sender.send_request(request)).await
    }

    /// Reads the content of an answer and drops it.
    ///
    /// # Errors
    /// It breaks off, or no more of it comes.
    pub async fn drop_content(&mut self, response: Response<Incoming>) -> Result<(), String> {
        self.read(response, |_| Ok(())).await
    }

    /// The content of an answer with status 200, up to this many bytes.
    ///
    /// # Errors
    /// Another status, more bytes, or what went wrong.
    pub async fn content(
        &mut self,
        response: Response<Incoming>,
        bytes_max: usize,
    ) -> Result<Vec<u8>, String> {
        if response.status() != StatusCode::OK {
            self.kept = None;
            return Err(format!("HTTP status {}", response.status().as_u16()));
        }
        let mut content = Vec::new();
        let take = |piece: &[u8]| {
            content.extend_from_slice(piece);
            let fits = content.len() <= bytes_max;
            fits.then_some(()).ok_or_else(|| format!("it is longer than {bytes_max} bytes"))
        };
        self.read(response, take).await?;
        Ok(content)
    }

    /// Gives each piece of a content to `take`. A connection whose content was not read to its end
    /// is of no use any more.
    async fn read(
        &mut self,
        response: Response<Incoming>,
        mut take: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let kept = self.kept.take();
        let mut body = response.into_body();
        while let Some(frame) = self.next_piece(&mut body).await? {
            frame.data_ref().map_or(Ok(()), |data| take(data))?;
        }
        self.kept = kept;
        Ok(())
    }

    async fn next_piece(&self, body: &mut Incoming) -> Result<Option<Frame<Bytes>>, String> {
        let piece = async { body.frame().await.transpose() };
        self.dialer.wait("the content", piece).await
    }
}
