//! Headless Chromium: a page with a hundred resources over HTTP/2, and a WebSocket from it.

use std::process::{Child, Command, Stdio};

use testkit::external::tool;
use testkit::{Authority, External, Origin, Setup, origin};

const RESOURCES: usize = 100;

/// Counts what has been loaded, and by which protocol, talks to the echoing server, and tells.
const PAGE: &str = r#"<!doctype html><title>page</title><body><script>
async function all() {
  const names = Array.from({length: 100}, (_, n) => `/r/${n}`);
  const texts = await Promise.all(names.map(n => fetch(n).then(r => r.text())));
  const right = texts.filter((t, n) => t === `resource /r/${n}`).length;
  const h2 = performance.getEntriesByType('resource')
    .filter(e => e.name.includes('/r/') && e.nextHopProtocol === 'h2').length;
  const echo = await new Promise(done => {
    const s = new WebSocket(`wss://${location.host}/chat`);
    s.onopen = () => s.send('over h2?');
    s.onmessage = m => done(m.data);
    s.onerror = () => done('error');
  });
  await fetch(`/result/${right}/${h2}/${encodeURIComponent(echo)}`);
}
all();
</script>"#;

#[test]
fn a_page_with_a_hundred_resources_and_a_websocket() {
    let origin = Origin::answer(|request| match request.target() {
        "/" => {
            let length = PAGE.len();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ";
            format!("{head}{length}\r\n\r\n{PAGE}").into_bytes()
        }
        other => origin::ok(format!("resource {other}")),
    });
    let echo = External::script("ws_echo.py", &[]);
    let leaf = Authority::new().leaf(&["localhost"]);
    let weir = Setup::new()
        .to(&origin)
        .file("both.pem", &leaf.both())
        .listener("tls { certificate \"both.pem\"; }")
        .global(&format!("upstream \"echo\" {{ server \"{}\"; }}", echo.server()))
        .site("route \"/chat\" { proxy \"echo\"; }")
        .start();
    let profile = tempfile::tempdir().expect("a directory");
    let mut chromium = Command::new(tool("chromium"));
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]);
    chromium.args(["--no-first-run", "--disable-background-networking", "--disable-sync"]);
    chromium.args(["--disable-component-update", "--ignore-certificate-errors"]);
    chromium.arg(format!("--user-data-dir={}", profile.path().display()));
    // It stays for as long as somebody may want to debug it.
    chromium.args(["--remote-debugging-port=0"]).stdout(Stdio::null()).stderr(Stdio::null());
    chromium.arg(format!("https://localhost:{}/", weir.addr().port()));
    let running = Running(chromium.spawn().expect("start chromium"));
    let told = || {
        let requests = origin.requests();
        let mut targets = requests.iter().map(|request| request.target().to_owned());
        targets.rfind(|target| target.starts_with("/result/"))
    };
    weir.wait_metrics(|_| told().is_some());
    drop(running);
    let wanted = format!("/result/{RESOURCES}/{RESOURCES}/over%20h2%3F");
    assert_eq!(told(), Some(wanted));
    let chat = || weir.log().into_iter().find(|line| line.text("path") == "/chat");
    weir.wait_metrics(|_| chat().is_some());
    assert_eq!(chat().map(|line| line.text("protocol")), Some("HTTP/2.0".to_owned()));
}

/// Ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_is_fine = self.0.kill();
        let _reaped_is_fine = self.0.wait();
    }
}
