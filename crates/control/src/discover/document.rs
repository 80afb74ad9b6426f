//! Servers of a document behind a URL, asked for with the ETag of the last one (RFC 9110 §13.1.2).

use std::sync::Arc;

use bytes::Bytes;
use config::{ListFormat, Server, ServerDocument, UpstreamTls};
use http::header::{ACCEPT, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proxy::tls::ClientTls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::Followed;
use crate::Resolver;
use crate::resolve::shorten;

/// Who asks, for the logs of the other end.
const AGENT: &str = concat!("weir/", env!("CARGO_PKG_VERSION"), " (discovery)");

/// Up to this part of an interval is left out by chance, so that many proxies do not ask in step.
const JITTER_PERCENT: u32 = 10;

/// Asks for the document again and again.
pub(super) async fn follow(mut followed: Followed, resolver: Resolver, document: ServerDocument) {
    let mut client = match Client::new(resolver, document) {
        Ok(client) => client,
        Err(reason) => return followed.note(Err(reason)),
    };
    loop {
        let limit = client.document.timeout;
        let outcome = match timeout(limit, client.ask()).await {
            Ok(outcome) => outcome.transpose(),
            Err(_elapsed) => Some(Err(format!("no answer within {limit:?}"))),
        };
        if let Some(outcome) = outcome {
            followed.note(outcome);
        }
        sleep(shorten(client.document.interval, JITTER_PERCENT)).await;
    }
}

struct Client {
    resolver: Resolver,
    document: ServerDocument,
    uri: Uri,
    tls: Option<ClientTls>,
    etag: Option<HeaderValue>,
}

impl Client {
    fn new(resolver: Resolver, document: ServerDocument) -> Result<Self, String> {
        let uri: Uri = document.url.parse().map_err(|error| format!("{error}"))?;
        let tls = (uri.scheme_str() == Some("https")).then(|| tls(&document)).transpose()?;
        Ok(Self { resolver, document, uri, tls, etag: None })
    }

    /// Asks once; `None` where the document is the one that is known.
    async fn ask(&mut self) -> Result<Option<Vec<Server>>, String> {
        let host = self.uri.host().unwrap_or_default().to_owned();
        let port = if self.tls.is_some() { 443 } else { 80 };
        let stream = self.connect(&host, self.uri.port_u16().unwrap_or(port)).await?;
        let response = match &self.tls {
            None => send(stream, self.request()?).await?,
            Some(tls) => {
                let name = tls.server_name(&host).ok_or("there is no name to verify")?;
                let connector = TlsConnector::from(Arc::clone(&tls.config));
                let secured = connector.connect(name, stream).await;
                send(secured.map_err(|error| format!("TLS: {error}"))?, self.request()?).await?
            }
        };
        match response.status() {
            StatusCode::NOT_MODIFIED if self.etag.is_some() => Ok(None),
            StatusCode::OK => self.read(response).await.map(Some),
            status => Err(format!("HTTP status {}", status.as_u16())),
        }
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, String> {
        let addresses = self.resolver.addresses(host).await?;
        let mut last = String::new();
        for address in addresses {
            match TcpStream::connect((address, port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.to_string(),
            }
        }
        Err(last)
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, String> {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::get(path)
            .header(HOST, authority)
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "application/json, application/vnd.kdl, text/plain;q=0.5");
        for (name, value) in &self.document.headers {
            request = request.header(name, value);
        }
        if let Some(etag) = &self.etag {
            request = request.header::<HeaderName, _>(IF_NONE_MATCH, etag);
        }
        request.body(Empty::new()).map_err(|error| error.to_string())
    }

    async fn read(&mut self, response: Response<Incoming>) -> Result<Vec<Server>, String> {
        let (head, body) = response.into_parts();
        let bytes_max = usize::try_from(self.document.body_bytes_max).unwrap_or(usize::MAX);
        let body = Limited::new(body, bytes_max).collect().await;
        let body = body.map_err(|error| format!("the document: {error}"))?.to_bytes();
        let text = std::str::from_utf8(&body).map_err(|_| "it is not UTF-8".to_owned())?;
        let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_json = kind.is_some_and(|kind| kind.contains("json"))
            || self.uri.path().ends_with(".json")
            || text.trim_start().starts_with('{');
        let format = if is_json { ListFormat::Json } else { ListFormat::Kdl };
        let servers = config::load_servers(&self.document.url, text, format);
        let servers = servers.map_err(|report| report.to_string())?;
        // Only what could be used is known.
        self.etag = head.headers.get(ETAG).cloned();
        Ok(servers)
    }
}

fn tls(document: &ServerDocument) -> Result<ClientTls, String> {
    let tls = UpstreamTls {
        server_name: None,
        ca: document.ca.clone(),
        certificate: None,
        verify: true,
        pins: Vec::new(),
        span: config::Span::default(),
    };
    ClientTls::build(&tls, &[b"http/1.1"]).map_err(|fault| fault.message)
}

/// Sends a request on a connection that carries no other.
async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Empty<Bytes>>,
) -> Result<Response<Incoming>, String> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // It ends with the answer, or with the sender.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(|error| error.to_string())
}
