//! Compares our verdicts with those of llhttp's test vectors.
//!
//! The vectors are read from `../shared/vectors/llhttp`, beside the workspace, and the test says
//! so and passes where they are absent. Every difference is listed here with its reason.

mod drive;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use drive::{End, Head, read_whole};
use weir_http1::{Method, RequestHead, ResponseHead};

struct Vector {
    file: String,
    name: String,
    response: bool,
    input: Vec<u8>,
    accepted: bool,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/llhttp")
}

/// The vectors of both folders that were made for llhttp's strict mode.
fn vectors() -> Option<Vec<Vector>> {
    let mut vectors = Vec::new();
    for kind in ["request", "response"] {
        let mut files: Vec<_> = std::fs::read_dir(folder().join(kind))
            .ok()?
            .flatten()
            .map(|file| file.path())
            .collect();
        files.sort();
        for path in files {
            let text = std::fs::read_to_string(&path).ok()?;
            let file = format!("{kind}/{}", path.file_stem()?.to_string_lossy());
            sections(&file, &text, &mut vectors);
        }
    }
    Some(vectors)
}

fn sections(file: &str, text: &str, vectors: &mut Vec<Vector>) {
    let mut name = "";
    let mut kind = "";
    let mut input = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            name = line.trim_start_matches('#').trim();
        } else if line.contains("meta={") {
            kind = line.split("\"type\"").nth(1).and_then(|l| l.split('"').nth(1)).unwrap_or("");
        } else if line == "```http" {
            input = Some(unescape(&block(&mut lines)));
        } else if line == "```log" {
            let log = block(&mut lines);
            let strict = matches!(kind, "request" | "response" | "request-finish");
            if let (true, Some(input)) = (strict, input.take()) {
                let response = kind == "response";
                let input = if response { input } else { with_host(input) };
                let accepted = is_accepted(&log);
                let (file, name) = (file.to_owned(), name.to_owned());
                vectors.push(Vector { file, name, response, input, accepted });
            }
        }
    }
}

fn block<'a>(lines: &mut impl Iterator<Item = &'a str>) -> String {
    lines.take_while(|line| *line != "```").collect::<Vec<_>>().join("\n")
}

/// A backslash at the end of a line joins it with the next; other line ends mean CR LF.
fn unescape(block: &str) -> Vec<u8> {
    let text = block.replace("\\\n", "").replace('\n', "\r\n");
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(letter) = chars.next() {
        let rest = chars.as_str();
        let (byte, skip) = match (letter, rest.chars().next()) {
            ('\\', Some('r')) => (b'\r', 1),
            ('\\', Some('n')) => (b'\n', 1),
            ('\\', Some('t')) => (b'\t', 1),
            ('\\', Some('f')) => (0x0c, 1),
            ('\\', Some('x')) => {
                let hex = rest.get(1..3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
                (hex.unwrap_or(b'?'), 3)
            }
            _ => {
                bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        bytes.push(byte);
        chars = rest[skip..].chars();
    }
    bytes
}

/// Errors 21 to 23 are how llhttp tells its caller about pauses and upgrades.
fn is_accepted(log: &str) -> bool {
    let codes = log.lines().filter_map(|line| line.split("error code=").nth(1));
    codes
        .filter_map(|rest| rest.split(' ').next()?.parse::<u32>().ok())
        .all(|code| (21..=23).contains(&code))
}

/// Whether we accept the input. We judge heads when they are complete, llhttp as they come, so a
/// head that breaks off is completed first where llhttp has seen a fault in it.
fn verdict<H: Head>(input: &[u8], accepted: bool) -> (bool, String) {
    let mut outcome = read_whole::<H>(input, Method::Get);
    if outcome.1 == End::More && !accepted {
        outcome = read_whole::<H>(&[input, b"\r\n\r\n"].concat(), Method::Get);
    }
    let (messages, end) = outcome;
    (!matches!(end, End::Refused(_)), format!("{} messages, {end:?}", messages.len()))
}

/// llhttp does not ask for a Host, and few vectors have one. The others get one here, for else
/// we would refuse them all before the point that they are about.
fn with_host(input: Vec<u8>) -> Vec<u8> {
    const LINE_END: &[u8] = b"HTTP/1.1\r\n";
    if input.to_ascii_lowercase().windows(5).any(|name| name == b"host:") {
        return input;
    }
    let mut patched = Vec::new();
    for byte in input {
        patched.push(byte);
        if patched.ends_with(LINE_END) {
            let target = patched.rsplit(|byte| *byte == b'\n').nth(1).unwrap_or_default();
            let has_host = target.windows(14).any(|part| part == b"hypnotoad.org:");
            let absolute = target.windows(7).any(|part| part == b"http://");
            patched.extend_from_slice(match (absolute, has_host) {
                (true, true) => b"Host: hypnotoad.org:1234\r\n",
                (true, false) => b"Host: hypnotoad.org\r\n",
                _ => b"Host: h\r\n",
            });
        }
    }
    patched
}

#[test]
fn verdicts_agree_but_for_the_listed_differences() {
    let Some(vectors) = vectors() else {
        eprintln!("skipped: {} is absent", folder().display());
        return;
    };
    assert!(vectors.len() > 150, "only {} vectors were read", vectors.len());
    let mut listed: HashMap<_, _> =
        DIFFERENCES.iter().map(|(file, name, _)| ((*file, *name), 0)).collect();
    let mut unlisted = Vec::new();
    for vector in &vectors {
        let (accepted, detail) = if vector.response {
            verdict::<ResponseHead>(&vector.input, vector.accepted)
        } else {
            verdict::<RequestHead>(&vector.input, vector.accepted)
        };
        if accepted != vector.accepted {
            match listed.get_mut(&(vector.file.as_str(), vector.name.as_str())) {
                Some(count) => *count += 1,
                None => unlisted.push(format!(
                    "{} | {} | llhttp {} | ours {detail} | {}",
                    vector.file,
                    vector.name,
                    vector.accepted,
                    vector.input.escape_ascii()
                )),
            }
        }
    }
    assert!(unlisted.is_empty(), "{}\n{} differ", unlisted.join("\n"), unlisted.len());
    listed.retain(|_, count| *count == 0);
    assert!(listed.is_empty(), "listed but equal: {listed:?}");
}

const CLOSED: &str = "stricter elsewhere: the proxy reads nothing behind a message that closes";
const TUNNEL: &str = "bytes behind an upgrade or CONNECT are a tunnel only once that is granted; \
                      here they are read as the next request";
const ZEROS: &str = "leading zeros in a length are refused: some read them as octal";
const METHODS: &str = "llhttp knows a list of methods, a proxy lets any token pass";
const ASTERISK: &str = "RFC 9112 §3.2.4: the asterisk form is for OPTIONS only";
const PROTOCOLS: &str = "only HTTP/1.0 and HTTP/1.1 are spoken";
const HOSTS: &str = "hosts with sub-delims are refused";
const TRAILERS: &str = "names that could change the meaning of the message are refused";
const CODINGS: &str = "codings other than a single chunked are refused";
const FRAGMENT: &str = "a fragment in the target is refused";
const USER: &str = "user information in the target is refused";
const NO_BODY: &str = "a 1xx that announces a body is refused";
const EMPTY_LINE: &str = "no empty line may stand before a status line";

/// File, section and reason of every difference.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("request/connection", "No restart when keep-alive is off (1.0)", CLOSED),
    ("request/content-length", "`Content-Length` with zeroes", ZEROS),
    ("request/content-length", "`Content-Length` with follow-up headers", ZEROS),
    ("request/invalid", "HTTP protocol and ANNOUNCE method", METHODS),
    ("request/invalid", "Invalid method", METHODS),
    ("request/method", "CONNECT with body", TUNNEL),
    ("request/method", "M-SEARCH request", ASTERISK),
    ("request/method", "SOURCE request with ICE", PROTOCOLS),
    ("request/method", "OPTIONS request with RTSP", PROTOCOLS),
    ("request/method", "ANNOUNCE request with RTSP", PROTOCOLS),
    ("request/method", "PRI request HTTP2", ASTERISK),
    ("request/sample", "curl GET", HOSTS),
    ("request/sample", "Firefox GET", HOSTS),
    ("request/sample", "No HTTP version", PROTOCOLS),
    ("request/transfer-encoding", "Trailing headers", TRAILERS),
    ("request/transfer-encoding", "POST with `chunked` as last transfer-encoding", FRAGMENT),
    (
        "request/transfer-encoding",
        "POST with `chunked` as last transfer-encoding (multiple headers)",
        FRAGMENT,
    ),
    ("request/uri", "Fragment in URI", FRAGMENT),
    ("request/uri", "`host:port` and basic auth", USER),
    ("response/connection", "HTTP/1.1 with keep-alive disabled and 204 status", CLOSED),
    ("response/connection", "HTTP 101 response with Upgrade and Content-Length header", NO_BODY),
    ("response/connection", "HTTP 101 response with Upgrade and Transfer-Encoding header", NO_BODY),
    ("response/connection", "HTTP 304 with Content-Length", EMPTY_LINE),
    ("response/connection", "HTTP 100 first, then 400", EMPTY_LINE),
    ("response/pipelining", "Should parse multiple events", EMPTY_LINE),
    ("response/sample", "RTSP response", PROTOCOLS),
    ("response/sample", "ICE response", PROTOCOLS),
    ("response/sample", "HTTP version 0.9", PROTOCOLS),
    ("response/sample", "Response starting with CRLF", EMPTY_LINE),
    ("response/transfer-encoding", "`chunked` before other transfer-encoding", CODINGS),
    (
        "response/transfer-encoding",
        "multiple transfer-encoding where chunked is not the last one",
        CODINGS,
    ),
    (
        "response/transfer-encoding",
        "`chunkedchunked` transfer-encoding does not enable chunked enconding",
        CODINGS,
    ),
];
