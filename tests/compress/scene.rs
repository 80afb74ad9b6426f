//! Weir that compresses, before an origin that answers as each request says, and curl.

use std::process::Command;

use testkit::external::{run, tool};
use testkit::{Origin, Request, Response, Setup, Weir};

/// The codings by their names.
pub const CODINGS: [&str; 3] = ["zstd", "br", "gzip"];

pub struct Scene {
    pub origin: Origin,
    pub weir: Weir,
}

/// What curl got.
pub struct Got {
    /// The head as it came.
    pub head: String,
    /// The content, decoded.
    pub body: Vec<u8>,
}

impl Got {
    /// The only value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let is = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}: "));
        let mut lines = self.head.lines().filter(is);
        let found = lines.next().and_then(|line| line.split_once(": ")).map(|(_, value)| value);
        assert_eq!(lines.next(), None, "{name} is there twice: {}", self.head);
        found.map(str::trim)
    }
}

impl Scene {
    /// `compress` and nothing else.
    pub fn new() -> Self {
        Self::with("compress")
    }

    /// A route with these nodes.
    pub fn with(route: &str) -> Self {
        let origin = Origin::answer(answer);
        let weir = Setup::new().route(route).to(&origin).start();
        Self { origin, weir }
    }

    /// curl, which decodes what it gets.
    pub fn curl(&self, coding: &str, arguments: &[&str], path: &str) -> Got {
        let (head, body) = (self.weir.dir().join("head"), self.weir.dir().join("body"));
        let mut curl = Command::new(tool("curl"));
        curl.args(["-sS", "--compressed", "--max-time", "30", "-H"]);
        curl.arg(format!("Accept-Encoding: {coding}")).args(arguments);
        curl.arg("-D").arg(&head).arg("-o").arg(&body).arg(self.weir.url(path));
        std::fs::write(&body, b"").expect("an empty file");
        let (code, _, err) = run(&mut curl);
        assert_eq!(code, Some(0), "{curl:?}: {err}");
        let read = |path| std::fs::read(path).expect("a file of curl's");
        Got { head: String::from_utf8(read(&head)).expect("text"), body: read(&body) }
    }

    /// A GET with these fields, each with its line end, and the answer as it came.
    pub fn get(&self, path: &str, fields: &str) -> Response {
        self.ask("GET", path, fields)
    }

    /// The same with another method, and no body.
    pub fn ask(&self, method: &str, path: &str, fields: &str) -> Response {
        let text = format!("{method} {path} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n");
        self.weir.client().exchange(text)
    }

    /// Why responses were not compressed, by count.
    pub fn skipped(&self, reason: &str) -> f64 {
        let label = format!("reason=\"{reason}\"");
        self.weir.metrics().sum("weir_compress_skipped_total", &[&label])
    }
}

/// Text of this length.
pub fn text(bytes: usize) -> String {
    let lines = (0..).map(|number| format!("<li class=\"row\">river {number} flows</li>\n"));
    let mut text = String::new();
    for line in lines {
        if text.len() >= bytes {
            break;
        }
        text += &line;
    }
    text.truncate(bytes);
    text
}

/// `/length/5000` or `/chunked/5000`: so many bytes of text. `X-Fields` of the request are those
/// of the answer, `|` between them; `X-Status` is its status. A condition for `"v1"` is answered.
pub fn answer(request: &Request) -> Vec<u8> {
    let mut parts = request.target().split('/').skip(1);
    let (framing, bytes) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("0"));
    let body = match parts.next() {
        Some("noise") => noise(bytes.parse().expect("a number")),
        _ => text(bytes.parse().expect("a number")).into_bytes(),
    };
    let given = request.field("x-fields").unwrap_or_default();
    let mut fields: String = given
        .split('|')
        .filter(|field| !field.is_empty())
        .map(|field| format!("{field}\r\n"))
        .collect();
    if !given.contains("Content-Type") {
        fields += "Content-Type: text/html\r\n";
    }
    let status = request.field("x-status").unwrap_or("200");
    if request.field("if-none-match").is_some_and(|tags| tags.contains("\"v1\"")) {
        return format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n").into_bytes();
    }
    let (framed, body) = if framing == "chunked" {
        let mut chunks = Vec::new();
        for chunk in body.chunks(7000) {
            chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunks.extend_from_slice(chunk);
            chunks.extend_from_slice(b"\r\n");
        }
        chunks.extend_from_slice(b"0\r\nX-Sum: 1\r\n\r\n");
        ("Transfer-Encoding: chunked".to_owned(), chunks)
    } else {
        (format!("Content-Length: {}", body.len()), body)
    };
    let body = if request.method() == "HEAD" { Vec::new() } else { body };
    [format!("HTTP/1.1 {status} Answer\r\n{fields}{framed}\r\n\r\n").into_bytes(), body].concat()
}

/// Bytes that cannot be made fewer.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..bytes).map(next).collect()
}
