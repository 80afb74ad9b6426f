//! Asking over HTTP/2.

use bytes::Bytes;
use config::HttpProbe;
use h2::client::{Builder, SendRequest};
use http::{HeaderName, HeaderValue, Request, Response};
use tokio::task::JoinSet;

use super::body::Search;
use super::link::Link;
use super::{AGENT, ProbePlan};

/// Bytes of a list of fields.
const FIELDS_BYTES_MAX: u32 = 16 * 1024;

/// Sends the request and judges the answer.
pub(super) async fn ask(link: Link, plan: &ProbePlan, http: &HttpProbe) -> Result<(), String> {
    let request = request(plan, &http.method, &http.path)?;
    let response = Exchange::begin(link).await?.send(request, Bytes::new()).await?;
    let status = response.status().as_u16();
    if !http.accepts(status) {
        return Err(format!("HTTP status {status}"));
    }
    let Some(wanted) = &http.body else { return Ok(()) };
    // The connection is driven for as long as the body is read.
    let Body { stream: mut body, driver: _driver } = response.into_body();
    let mut search = Search::new(wanted);
    while let Some(part) = body.data().await {
        let part = part.map_err(|error| failed(&error))?;
        match search.look(&part) {
            Some(true) => return Ok(()),
            Some(false) => break,
            None => {}
        }
        let released = body.flow_control().release_capacity(part.len());
        released.map_err(|error| failed(&error))?;
    }
    Err(search.missing())
}

/// A request with the fields of the check.
pub(super) fn request(plan: &ProbePlan, method: &str, path: &str) -> Result<Request<()>, String> {
    let scheme = if plan.tls.is_some() { "https" } else { "http" };
    let uri = format!("{scheme}://{}{path}", plan.host());
    let request = Request::builder().method(method).uri(uri).body(());
    let mut request = request.map_err(|error| error.to_string())?;
    let fields = request.headers_mut();
    fields.insert(http::header::USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in &plan.check.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        let value = HeaderValue::from_bytes(value.as_bytes());
        let value = value.map_err(|error| error.to_string())?;
        if name == http::header::USER_AGENT {
            fields.insert(name, value);
        } else {
            fields.append(name, value);
        }
    }
    Ok(request)
}

/// A connection for one request.
pub(super) struct Exchange {
    requests: SendRequest<Bytes>,
    /// Drives the connection; ends with this.
    driver: JoinSet<()>,
}

/// The body of an answer, with what drives its connection.
pub(super) struct Body {
    pub(super) stream: h2::RecvStream,
    pub(super) driver: JoinSet<()>,
}

impl Exchange {
    pub(super) async fn begin(link: Link) -> Result<Self, String> {
        let mut builder = Builder::new();
        builder.enable_push(false).max_header_list_size(FIELDS_BYTES_MAX);
        let (requests, connection) =
            builder.handshake(link).await.map_err(|error| failed(&error))?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Its failure is that of the stream, which tells it.
            let _ = connection.await;
        });
        Ok(Self { requests, driver })
    }

    /// Sends a request with this body and waits for the head of the answer.
    pub(super) async fn send(
        self,
        request: Request<()>,
        body: Bytes,
    ) -> Result<Response<Body>, String> {
        let mut requests = self.requests.ready().await.map_err(|error| failed(&error))?;
        let sent = requests.send_request(request, body.is_empty());
        let (response, mut sender) = sent.map_err(|error| failed(&error))?;
        if !body.is_empty() {
            sender.send_data(body, true).map_err(|error| failed(&error))?;
        }
        let response = response.await.map_err(|error| failed(&error))?;
        Ok(response.map(|stream| Body { stream, driver: self.driver }))
    }
}

/// A failure in a few words.
pub(super) fn failed(error: &h2::Error) -> String {
    match error.get_io() {
        Some(error) => super::link::reason(error),
        None => format!("HTTP/2: {error}"),
    }
}
