//! JSON is the same language: what it says is what the KDL says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use weir_config::{Config, load_text};

const KDL: &str = r##"
listen ":80"
listen ":8080" { protocols "h1"; }
trusted-proxies "10.0.0.0/8" "::1"
limits headers-max=64 body-bytes-max="1MiB"
path merge-slashes=#false
h2 streams-max=50
upstream "app" {
    tls { pin "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="; }
    protocol "auto"
    server "127.0.0.1:3000" weight=2
    server "127.0.0.1:3001"
    timeouts connect="1s"
}
site "example.com" {
    route "/api/*" methods="GET" "POST" {
        match header="X-Version" value="2"
        match client="10.0.0.0/8"
        rewrite strip-prefix="/api"
        request-headers { set "X-Env" "prod"; set "X-B" "é \""; remove "X-C" "X-D"; }
        proxy "app" { host "upstream"; }
    }
    route "=/x" { respond 200 body="ok"; }
    error-page 502 503 body="sorry"
}
site { route "/*" { redirect "/x" status=308; }
    hsts
}
access-log "stdout"
"##;

const JSON: &str = r##"{
  "listen": [":80", { "_": ":8080", "protocols": ["h1"] }],
  "trusted-proxies": ["10.0.0.0/8", "::1"],
  "limits": { "headers-max": 64, "body-bytes-max": "1MiB" },
  "path": { "merge-slashes": false },
  "h2": { "streams-max": 50 },
  "upstream": {
    "_": "app",
    "tls": { "pin": "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
    "protocol": "auto",
    "server": [{ "_": "127.0.0.1:3000", "weight": 2 }, "127.0.0.1:3001"],
    "timeouts": { "connect": "1s" }
  },
  "site": [
    {
      "_": ["example.com"],
      "route": [
        {
          "_": "/api/*", "methods": ["GET", "POST"],
          "match": [{ "header": "X-Version", "value": "2" }, { "client": "10.0.0.0/8" }],
          "rewrite": { "strip-prefix": "/api" },
          "request-headers": {
            "set": [["X-Env", "prod"], ["X-B", "\u00e9 \""]], "remove": [["X-C", "X-D"]]
          },
          "proxy": { "_": "app", "host": "upstream" }
        },
        { "_": ["=/x"], "respond": { "_": 200, "body": "ok" } }
      ],
      "error-page": { "_": [502, 503], "body": "sorry" }
    },
    { "route": { "_": "/*", "redirect": { "_": "/x", "status": 308 } }, "hsts": true }
  ],
  "access-log": "stdout"
}"##;

/// The model as text, without its places.
fn meaning(config: &Config) -> String {
    let mut config = config.clone();
    config.sources = Default::default();
    let text = format!("{config:?}");
    let place = regex::Regex::new(r"Span \{ file: FileId\(0\), start: \d+, end: \d+ \}").unwrap();
    place.replace_all(&text, "_").into_owned()
}

#[test]
fn both_spellings_mean_the_same() {
    let kdl = load_text("weir.kdl", KDL).unwrap_or_else(|report| panic!("{report}"));
    let json = load_text("weir.json", JSON).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(meaning(&kdl), meaning(&json));
}
