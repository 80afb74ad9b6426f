//! The admin listener: metrics, status and health over HTTP, for people and scrapers.
//!
//! What it shows and changes goes through closures, so that it knows nothing of the data plane.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{self, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::Control;
use crate::runtime::Task;

/// Where the listener stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// TCP addresses; port 0 takes a free one.
    Tcp(Vec<SocketAddr>),
    /// A Unix socket; one left behind by a dead process is replaced.
    Unix(PathBuf),
}

impl From<&config::ListenAddress> for AdminAddress {
    fn from(address: &config::ListenAddress) -> Self {
        match address {
            config::ListenAddress::Tcp(addresses) => Self::Tcp(addresses.clone()),
            config::ListenAddress::Unix(path) => Self::Unix(path.clone()),
        }
    }
}

/// What there is to show. The closures run on the control thread, but for those that may wait for
/// a disk.
pub struct Views {
    /// Appends the metrics as OpenMetrics text.
    pub metrics: Box<dyn Fn(&mut String) + Send + Sync>,
    /// The status as one JSON value.
    pub status: Box<dyn Fn() -> String + Send + Sync>,
    /// Whether new requests are welcome; false while the process drains.
    pub healthy: Box<dyn Fn() -> bool + Send + Sync>,
    /// Upstreams and their servers as one JSON value.
    pub upstreams: Box<dyn Fn() -> String + Send + Sync>,
    /// Changes a server of an upstream as a JSON object says, and shows it.
    pub change_server: ChangeServer,
    /// Adds a server to an upstream as a JSON object says, and shows it.
    pub add_server: AddServer,
    /// Takes away a server that was added.
    pub remove_server: RemoveServer,
    /// The stores of the cache as JSON, for `/cache`.
    pub caches: Box<dyn Fn() -> String + Send + Sync>,
    /// The keys that are asked for most, as the query of `/cache/top` wants them, as JSON.
    pub top: Top,
    /// Purges what a JSON text names; says what was done. Runs on a thread of its own.
    pub purge: Purge,
    /// Says what would become of the request that a JSON text asks about. Runs on a thread of its
    /// own.
    pub explain: Explain,
}

/// Changes a server: the names of its upstream and itself, and what is to change.
pub type ChangeServer = Box<dyn Fn((&str, &str), &str) -> Result<String, Refusal> + Send + Sync>;

/// Adds a server: the name of its upstream, and what it is.
pub type AddServer = Box<dyn Fn(&str, &str) -> Result<String, Refusal> + Send + Sync>;

/// Takes a server away: the names of its upstream and itself.
pub type RemoveServer = Box<dyn Fn((&str, &str)) -> Result<(), Refusal> + Send + Sync>;

/// Shows what a query, without its `?`, asks for.
pub type Top = Box<dyn Fn(&str) -> Result<String, Refusal> + Send + Sync>;

/// Purges what a JSON text names.
pub type Purge = Box<dyn Fn(&str) -> Result<String, Refusal> + Send + Sync>;

/// Explains what would become of the request that a JSON text asks about.
pub type Explain = Box<dyn Fn(&str) -> Result<String, Refusal> + Send + Sync>;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    /// There is no such thing.
    #[must_use]
    pub fn missing(message: String) -> Self {
        Self { status: StatusCode::NOT_FOUND, message }
    }

    /// What there is does not allow it.
    #[must_use]
    pub fn conflict(message: String) -> Self {
        Self { status: StatusCode::CONFLICT, message }
    }

    /// It was tried, and went wrong.
    #[must_use]
    pub fn failed(message: String) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, message }
    }

    /// What was asked makes no sense.
    #[must_use]
    pub fn bad(message: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> axum::response::Response {
        let text = format!("{}\n", serde_json::json!({ "error": self.message }));
        (self.status, [(header::CONTENT_TYPE, JSON)], text).into_response()
    }
}

const JSON: &str = "application/json";

/// Threads for what may wait for a disk; more requests for it wait for their turn.
static BESIDE: Semaphore = Semaphore::const_new(8);

/// A running admin listener. Dropping it closes the socket.
#[derive(Debug)]
pub struct Admin {
    addresses: Vec<SocketAddr>,
    path: Option<PathBuf>,
    tasks: Vec<Task>,
}

/// The admin listener could not be opened.
#[derive(Debug)]
pub struct BindError {
    address: String,
    cause: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {} for admin: {}", self.address, self.cause)
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

impl Admin {
    /// Binds the address and serves on the control thread.
    ///
    /// # Errors
    /// The address cannot be bound; nothing is left open then.
    pub fn start(
        control: &Control,
        address: &AdminAddress,
        views: Views,
    ) -> Result<Self, BindError> {
        let router = routes(views);
        match address {
            AdminAddress::Tcp(addresses) => Self::start_tcp(control.handle(), addresses, &router),
            AdminAddress::Unix(path) => Self::start_unix(control.handle(), path, router),
        }
    }

    /// The TCP addresses in use, with the ports that were taken.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn start_tcp(
        handle: &Handle,
        addresses: &[SocketAddr],
        router: &Router,
    ) -> Result<Self, BindError> {
        let mut admin = Self { addresses: Vec::new(), path: None, tasks: Vec::new() };
        let _runtime = handle.enter();
        for address in addresses {
            let fail = |cause| BindError { address: address.to_string(), cause };
            let listener = TcpListener::bind(address).map_err(fail)?;
            admin.addresses.push(listener.local_addr().map_err(fail)?);
            listener.set_nonblocking(true).map_err(fail)?;
            let listener = tokio::net::TcpListener::from_std(listener).map_err(fail)?;
            let server = axum::serve(listener, router.clone());
            admin.tasks.push(Task::spawn(handle, server.into_future()));
        }
        Ok(admin)
    }

    fn start_unix(handle: &Handle, path: &Path, router: Router) -> Result<Self, BindError> {
        let fail = |cause| BindError { address: format!("unix:{}", path.display()), cause };
        let listener = bind_unix(path).map_err(fail)?;
        let mut admin = Self { addresses: Vec::new(), path: Some(path.into()), tasks: Vec::new() };
        listener.set_nonblocking(true).map_err(fail)?;
        let _runtime = handle.enter();
        let listener = tokio::net::UnixListener::from_std(listener).map_err(fail)?;
        let server = axum::serve(listener, router);
        admin.tasks.push(Task::spawn(handle, server.into_future()));
        Ok(admin)
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // It may be gone already, and nothing depends on it.
            _ = std::fs::remove_file(path);
        }
    }
}

/// Binds a Unix socket. A file in the way is removed only if it is a socket that nobody serves.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_abandoned(path) => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}

fn is_abandoned(path: &Path) -> bool {
    let is_socket = std::fs::metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).is_err_and(refused)
}

fn routes(views: Views) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .route("/healthz", get(healthz))
        .route("/cache", get(caches))
        .route("/cache/purge", post(purge))
        .route("/cache/top", get(top))
        .route("/explain", post(explain))
        .route("/upstreams", get(upstreams))
        .route("/upstreams/{upstream}/servers", post(add_server))
        .route("/upstreams/{upstream}/servers/{server}", put(change_server).delete(remove_server))
        .fallback(nothing)
        .with_state(Arc::new(views))
}

async fn metrics(State(views): State<Arc<Views>>) -> impl IntoResponse {
    let mut text = String::new();
    (views.metrics)(&mut text);
    ([(header::CONTENT_TYPE, proxy::record::metrics::exposition::CONTENT_TYPE)], text)
}

async fn status(State(views): State<Arc<Views>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], (views.status)())
}

async fn healthz(State(views): State<Arc<Views>>) -> impl IntoResponse {
    if (views.healthy)() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    }
}

async fn upstreams(State(views): State<Arc<Views>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], (views.upstreams)())
}

async fn change_server(
    State(views): State<Arc<Views>>,
    extract::Path((upstream, server)): extract::Path<(String, String)>,
    body: String,
) -> impl IntoResponse {
    let changed = (views.change_server)((&upstream, &server), &body);
    changed.map(|shown| ([(header::CONTENT_TYPE, JSON)], shown))
}

async fn add_server(
    State(views): State<Arc<Views>>,
    extract::Path(upstream): extract::Path<String>,
    body: String,
) -> impl IntoResponse {
    let added = (views.add_server)(&upstream, &body);
    added.map(|shown| (StatusCode::CREATED, [(header::CONTENT_TYPE, JSON)], shown))
}

async fn remove_server(
    State(views): State<Arc<Views>>,
    extract::Path((upstream, server)): extract::Path<(String, String)>,
) -> impl IntoResponse {
    (views.remove_server)((&upstream, &server)).map(|()| StatusCode::NO_CONTENT)
}

async fn caches(State(views): State<Arc<Views>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], (views.caches)())
}

async fn top(
    State(views): State<Arc<Views>>,
    extract::RawQuery(query): extract::RawQuery,
) -> impl IntoResponse {
    let shown = (views.top)(query.as_deref().unwrap_or_default());
    shown.map(|shown| ([(header::CONTENT_TYPE, JSON)], shown))
}

async fn purge(State(views): State<Arc<Views>>, body: String) -> impl IntoResponse {
    beside(move || (views.purge)(&body)).await
}

async fn explain(State(views): State<Arc<Views>>, body: String) -> impl IntoResponse {
    beside(move || (views.explain)(&body)).await
}

/// Runs what may wait for a disk on a thread of its own, a few at a time.
async fn beside(
    ask: impl FnOnce() -> Result<String, Refusal> + Send + 'static,
) -> Result<impl IntoResponse, Refusal> {
    let failed = || Refusal::failed("it was broken off".to_owned());
    let turn = BESIDE.acquire().await.map_err(|_| failed())?;
    let asked = tokio::task::spawn_blocking(move || {
        // Also where the client leaves, the thread is not free before.
        let _turn = turn;
        ask()
    });
    let answer = asked.await.map_err(|_| failed())??;
    Ok(([(header::CONTENT_TYPE, JSON)], answer))
}

async fn nothing() -> impl IntoResponse {
    let pages = "/metrics, /status, /healthz, /upstreams, /cache and /explain";
    (StatusCode::NOT_FOUND, format!("nothing here; there are {pages}\n"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn views(healthy: Arc<AtomicBool>) -> Views {
        Views {
            metrics: Box::new(|text| text.push_str("# EOF\n")),
            status: Box::new(|| "{\"state\":\"running\"}".to_owned()),
            healthy: Box::new(move || healthy.load(Ordering::Relaxed)),
            upstreams: Box::new(|| "[]".to_owned()),
            change_server: Box::new(|(upstream, _), _| Err(Refusal::missing(upstream.to_owned()))),
            add_server: Box::new(|_, body| Ok(body.to_owned())),
            remove_server: Box::new(|_| Err(Refusal::conflict("no".to_owned()))),
            caches: Box::new(|| "[]".to_owned()),
            top: Box::new(|query| Ok(query.to_owned())),
            purge: Box::new(|body| Ok(body.to_owned())),
            explain: Box::new(|body| Ok(body.to_owned())),
        }
    }

    fn ask(mut stream: impl Read + Write, line: &str) -> String {
        write!(stream, "{line} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn the_three_pages_and_no_other() {
        let control = Control::start().unwrap();
        let healthy = Arc::new(AtomicBool::new(true));
        let address = AdminAddress::Tcp(vec!["127.0.0.1:0".parse().unwrap()]);
        let admin = Admin::start(&control, &address, views(Arc::clone(&healthy))).unwrap();
        let bound = admin.addresses()[0];
        let ask = |line| ask(TcpStream::connect(bound).unwrap(), line);
        let metrics = ask("GET /metrics");
        assert!(metrics.starts_with("HTTP/1.1 200 "), "{metrics}");
        assert!(metrics.contains(
            "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
        ));
        assert!(metrics.ends_with("\r\n\r\n# EOF\n"));
        let status = ask("GET /status");
        assert!(status.contains("content-type: application/json\r\n"), "{status}");
        assert!(status.ends_with("{\"state\":\"running\"}"));
        assert!(ask("GET /healthz").starts_with("HTTP/1.1 200 "));
        healthy.store(false, Ordering::Relaxed);
        assert!(ask("GET /healthz").starts_with("HTTP/1.1 503 "));
        assert!(ask("GET /").starts_with("HTTP/1.1 404 "));
        assert!(ask("POST /metrics").starts_with("HTTP/1.1 405 "));
        assert!(ask("GET /upstreams").ends_with("[]"));
        assert!(ask("GET /cache").ends_with("[]"));
        assert!(ask("POST /cache/purge").starts_with("HTTP/1.1 200 "));
        assert!(ask("GET /cache/top?n=3").ends_with("\r\n\r\nn=3"));
        assert!(ask("GET /cache/top").ends_with("\r\n\r\n"));
        assert!(ask("POST /explain").starts_with("HTTP/1.1 200 "));
        assert!(ask("POST /upstreams/a/servers").starts_with("HTTP/1.1 201 "));
        assert!(ask("DELETE /upstreams/a/servers/b:1").starts_with("HTTP/1.1 409 "));
        let refused = ask("PUT /upstreams/none%22/servers/a:1");
        assert!(refused.starts_with("HTTP/1.1 404 "), "{refused}");
        assert!(refused.ends_with("{\"error\":\"none\\\"\"}\n"), "{refused}");
    }

    #[test]
    fn a_purge_that_waits_for_its_disk_holds_up_nobody() {
        for page in ["/cache/purge", "/explain"] {
            let control = Control::start().unwrap();
            let (go, wait) = std::sync::mpsc::channel::<()>();
            let (begin, begun) = std::sync::mpsc::channel::<()>();
            let (wait, begin) = (std::sync::Mutex::new(wait), std::sync::Mutex::new(begin));
            let held = Arc::new(move |_: &str| {
                begin.lock().unwrap().send(()).unwrap();
                let _ = wait.lock().unwrap().recv();
                Ok("done".to_owned())
            });
            let (purge, explain) = (Arc::clone(&held), held);
            let views = Views {
                purge: Box::new(move |body| purge(body)),
                explain: Box::new(move |body| explain(body)),
                ..views(Arc::new(AtomicBool::new(true)))
            };
            let address = AdminAddress::Tcp(vec!["127.0.0.1:0".parse().unwrap()]);
            let admin = Admin::start(&control, &address, views).unwrap();
            let bound = admin.addresses()[0];
            let connect = move || {
                let stream = TcpStream::connect(bound).unwrap();
                stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
                stream
            };
            let waits = std::thread::spawn(move || ask(connect(), &format!("POST {page}")));
            begun.recv().unwrap();
            assert!(ask(connect(), "GET /healthz").starts_with("HTTP/1.1 200 "));
            drop(go);
            assert!(waits.join().unwrap().ends_with("done"));
        }
    }

    #[test]
    fn an_address_in_use_is_a_clear_error() {
        let control = Control::start().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let bound = taken.local_addr().unwrap();
        let address = AdminAddress::Tcp(vec![bound]);
        let error = Admin::start(&control, &address, views(Arc::default())).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot listen on {bound} for admin: ")), "{text}");
    }

    #[test]
    fn a_unix_socket_is_replaced_when_dead_and_removed_at_the_end() {
        let control = Control::start().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin.sock");
        drop(UnixListener::bind(&path).unwrap());
        let address = AdminAddress::Unix(path.clone());
        let admin = Admin::start(&control, &address, views(Arc::default())).unwrap();
        let answer = ask(UnixStream::connect(&path).unwrap(), "GET /status");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let second = Admin::start(&control, &address, views(Arc::default()));
        assert!(second.is_err(), "one that is served is not taken away");
        drop(admin);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_in_the_way_is_not_removed() {
        let control = Control::start().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("precious");
        std::fs::write(&path, "x").unwrap();
        let address = AdminAddress::Unix(path.clone());
        assert!(Admin::start(&control, &address, views(Arc::default())).is_err());
        assert!(path.exists());
    }
}
