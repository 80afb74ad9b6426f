//! What good configurations mean: every field of the language, from text to model.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use weir_config::{
    Action, Config, ErrorPageBody, HeaderOp, HostPattern, HostPolicy, InitialHealth, ListenAddress,
    LogField, LogFormat, LogSegment, LogTarget, PathPattern, Placeholder, Policy, Predicate,
    ProbeKind, RequestIdMode, Rewrite, ServerAddress, Template, TemplateSegment, ValueMatch, load,
    load_text,
};

fn good(text: &str) -> Config {
    match load_text("weir.kdl", text) {
        Ok(config) => config,
        Err(report) => panic!("{report}"),
    }
}

fn literal(text: &str) -> TemplateSegment {
    TemplateSegment::Literal(text.to_owned())
}

fn fill(placeholder: Placeholder) -> TemplateSegment {
    TemplateSegment::Placeholder(placeholder)
}

fn full() -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/full.kdl");
    load(&path).unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn process_settings() {
    let config = full();
    let addresses: Vec<_> =
        config.listeners.iter().map(|listener| listener.address.to_string()).collect();
    let expected = [
        "[::]:80",
        "127.0.0.1:8080",
        "[::1]:8081",
        "127.0.0.1:8082, [::1]:8082",
        "unix:/run/weir.sock",
        "[::]:443",
        "[::]:81",
        "[::]:5432",
        "[::]:5433",
    ];
    assert_eq!(addresses, expected);
    let networks: Vec<_> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "::1/128", "192.0.2.7/32"]);
    assert_eq!(config.limits.header_bytes_max, 64 << 10);
    assert_eq!(config.limits.headers_max, 64);
    assert_eq!(config.limits.uri_bytes_max, 4 << 10);
    assert_eq!(config.limits.body_bytes_max, Some(1 << 30));
    assert_eq!(config.limits.connections_max, 5000);
    assert_eq!(config.limits.connections_per_client_max, 50);
    assert_eq!(config.limits.memory_max, 1 << 30);
    assert_eq!(config.timeouts.request_header, Duration::from_secs(5));
    assert_eq!(config.timeouts.client_idle, Duration::from_secs(75));
    assert_eq!(config.timeouts.body_idle, Duration::from_millis(1500));
    assert_eq!(config.timeouts.shutdown, Duration::from_secs(20));
    assert_eq!(config.timeouts.tunnel_idle, Duration::from_secs(7200));
    assert_eq!(config.timeouts.body_rate_min, 1024);
    assert_eq!(config.workers, Some(2));
    assert!(!config.path.merge_slashes);
    assert_eq!(config.request_id.mode, RequestIdMode::Make);
    assert_eq!(config.request_id.header, "X-Trace");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn defaults() {
    let config = good("listen \":80\"");
    assert_eq!(config.limits.header_bytes_max, 32 << 10);
    assert_eq!(config.limits.headers_max, 128);
    assert_eq!(config.limits.uri_bytes_max, 8 << 10);
    assert_eq!(config.limits.body_bytes_max, None);
    assert_eq!(config.limits.connections_max, 100_000);
    assert_eq!(config.limits.connections_per_client_max, 1000);
    assert_eq!(config.limits.memory_max, 2 << 30);
    assert_eq!(config.timeouts.request_header, Duration::from_secs(10));
    assert_eq!(config.timeouts.client_idle, Duration::from_secs(60));
    assert_eq!(config.timeouts.body_idle, Duration::from_secs(30));
    assert_eq!(config.timeouts.shutdown, Duration::from_secs(30));
    assert_eq!(config.timeouts.tunnel_idle, Duration::from_secs(3600));
    assert_eq!(config.timeouts.body_rate_min, 0);
    assert_eq!(config.workers, None);
    assert!(config.path.merge_slashes);
    assert_eq!(config.request_id.mode, RequestIdMode::Keep);
    assert_eq!(config.request_id.header, "X-Request-Id");
    assert!(config.access_logs.is_empty() && config.admin.is_none());
}

#[test]
fn upstreams() {
    let config = full();
    let app = config.upstream("app").unwrap();
    let servers: Vec<_> = app.servers.iter().map(|s| (s.address.to_string(), s.weight)).collect();
    let expected = [
        ("10.0.0.1:8080".to_owned(), 2),
        ("[::1]:8080".to_owned(), 1),
        ("app.internal:8080".to_owned(), 1),
        ("unix:/run/app.sock".to_owned(), 65535),
    ];
    assert_eq!(servers, expected);
    let name = ServerAddress::Name { host: "app.internal".into(), port: 8080 };
    assert_eq!(app.servers[2].address, name);
    assert_eq!(app.balance.policy, Policy::RoundRobin);
    assert_eq!(app.connections.idle, Duration::from_secs(30));
    assert_eq!(app.connections.idle_max, 8);
    assert_eq!(app.timeouts.connect, Duration::from_secs(1));
    assert_eq!(app.timeouts.first_byte, Duration::from_secs(10));
    let plain = config.upstream("plain").unwrap();
    assert_eq!(plain.connections.idle, Duration::from_secs(90));
    assert_eq!(plain.connections.idle_max, 1024);
    assert_eq!(plain.timeouts.connect, Duration::from_secs(3));
    assert_eq!(plain.timeouts.first_byte, Duration::from_secs(60));
}

#[test]
fn health_checks() {
    let config = full();
    let check = |name: &str| config.upstream(name).unwrap().health_check.clone().unwrap();
    let app = check("app");
    let ProbeKind::Http(http) = &app.kind else { panic!("{app:?}") };
    assert_eq!((http.path.as_str(), http.method.as_str()), ("/healthz?full=1", "POST"));
    assert_eq!(http.statuses, [(200, 200), (204, 204), (301, 302)]);
    assert!(http.accepts(302) && !http.accepts(201) && !http.accepts(303));
    assert_eq!(http.body.as_deref(), Some("ok"));
    assert_eq!(app.host.as_deref(), Some("App.internal:80"));
    let headers = [("X-Probe", "weir"), ("Authorization", "Basic Zm9v")];
    assert_eq!(app.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let times = [app.interval, app.timeout, app.fast_interval];
    assert_eq!(times.map(|time| time.as_millis()), [4000, 3000, 500]);
    assert_eq!((app.jitter_percent, app.healthy, app.unhealthy), (0, 1, 5));
    assert_eq!((app.initial, app.port), (InitialHealth::Probe, None));
    let safe = check("safe");
    assert_eq!(safe.kind, ProbeKind::Grpc("app.Api".to_owned()));
    assert_eq!(safe.initial, InitialHealth::Down);
    let plain = check("plain");
    assert_eq!((plain.kind, plain.port), (ProbeKind::Tcp, Some(3001)));
    let times = [plain.interval, plain.timeout, plain.fast_interval];
    assert_eq!(times.map(|time| time.as_millis()), [1000; 3], "defaults fit the interval");
}

#[test]
fn health_check_defaults() {
    let config = good(
        "listen \":80\"\nupstream \"app\" { server \"127.0.0.1:1\"; health-check \"/up\"; }\n\
         upstream \"other\" { server \"127.0.0.1:1\"; }",
    );
    assert!(config.upstream("other").unwrap().health_check.is_none());
    let check = config.upstream("app").unwrap().health_check.clone().unwrap();
    let ProbeKind::Http(http) = &check.kind else { panic!("{check:?}") };
    assert_eq!((http.method.as_str(), &http.body), ("GET", &None));
    assert_eq!(http.statuses, [(200, 399)]);
    let times = [check.interval, check.timeout, check.fast_interval];
    assert_eq!(times.map(|time| time.as_millis()), [5000, 2000, 1000]);
    assert_eq!((check.jitter_percent, check.healthy, check.unhealthy), (10, 2, 3));
    assert_eq!((check.initial, check.host, check.port), (InitialHealth::Up, None, None));
}

#[test]
fn sites_and_paths() {
    let config = full();
    let hosts = [
        HostPattern::Exact("example.com".into()),
        HostPattern::Wildcard(".example.com".into()),
        HostPattern::Exact("[::1]".into()),
    ];
    assert_eq!(config.sites[0].hosts, hosts);
    assert!(config.sites[1].hosts.is_empty());
    let paths: Vec<_> = config.sites[0].routes.iter().map(|route| route.path.clone()).collect();
    let expected = [
        PathPattern::Prefix("/old".into()),
        PathPattern::Prefix("/api".into()),
        PathPattern::Exact("/robots.txt".into()),
        PathPattern::Exact("/caf%C3%A9*".into()),
        PathPattern::Regex("^/u/(?<id>[0-9]+)(/.*)?$".into()),
        PathPattern::Prefix(String::new()),
    ];
    assert_eq!(paths, expected);
    let labels: Vec<_> = paths.iter().map(ToString::to_string).collect();
    assert_eq!(labels[0], "/old/*");
    assert_eq!(labels[5], "/*");
}

#[test]
fn matching_and_middlewares() {
    let config = full();
    let api = &config.sites[0].routes[1];
    assert_eq!(api.methods, ["GET", "POST"]);
    let header = |value| Predicate::Header { name: "x-version".into(), value };
    let expected = [
        header(ValueMatch::Exact("2".into())),
        Predicate::Query { name: "debug".into(), value: ValueMatch::Any },
        Predicate::Cookie { name: "Beta".into(), value: ValueMatch::Exact("on".into()) },
        Predicate::Client("10.0.0.0/8".parse().unwrap()),
    ];
    assert_eq!(api.predicates, expected);
    assert_eq!(api.rewrite, Some(Rewrite::StripPrefix("/api".into())));
    assert_eq!(api.limits.body_bytes_max, Some(10 << 20));
    assert_eq!(api.timeouts.first_byte, Some(Duration::from_secs(300)));
    assert_eq!(api.timeouts.total, Some(Duration::from_secs(600)));
    let Action::Proxy(proxy) = &api.action else { panic!("{:?}", api.action) };
    assert_eq!((proxy.upstream.as_str(), &proxy.host), ("app", &HostPolicy::Upstream));
    let page = &api.error_pages[0];
    assert_eq!(page.statuses, [502, 504]);
    assert_eq!(page.body, ErrorPageBody::Text("{\"error\":\"upstream\"}".into()));
    assert_eq!(page.content_type, "application/json");
    let file = &config.sites[0].error_pages[0];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/sorry.html");
    assert_eq!(file.body, ErrorPageBody::File(path));
    assert_eq!(file.content_type, "text/html; charset=utf-8");
}

#[test]
fn field_edits() {
    let config = full();
    let api = &config.sites[0].routes[1];
    let value = |edit: &HeaderOp| match edit {
        HeaderOp::Set { value, .. } | HeaderOp::Add { value, .. } => value.segments.clone(),
        HeaderOp::Remove { .. } => Vec::new(),
    };
    assert!(matches!(&api.request_headers[0], HeaderOp::Set { name, .. } if name == "X-Env"));
    assert_eq!(value(&api.request_headers[0]), [literal("prod{x}")]);
    let all = [
        fill(Placeholder::Path),
        literal(" "),
        fill(Placeholder::PathRest),
        fill(Placeholder::Query),
        fill(Placeholder::Uri),
        fill(Placeholder::Method),
        fill(Placeholder::Host),
        fill(Placeholder::Scheme),
        fill(Placeholder::ClientIp),
        fill(Placeholder::RequestId),
        fill(Placeholder::UpstreamName),
        fill(Placeholder::Header("user-agent".into())),
        fill(Placeholder::Cookie("Sid".into())),
        fill(Placeholder::QueryValue("q".into())),
    ];
    assert_eq!(value(&api.request_headers[1]), all);
    let removed: Vec<_> = api.request_headers[2..].iter().collect();
    assert!(matches!(removed[0], HeaderOp::Remove { name } if name == "X-Debug"));
    assert!(matches!(removed[1], HeaderOp::Remove { name } if name == "X-Trace"));
    assert_eq!(removed.len(), 2);
    assert!(matches!(&api.response_headers[0], HeaderOp::Add { name, .. } if name == "Vary"));
    assert_eq!(value(&api.response_headers[1]), [fill(Placeholder::Status)]);
}

#[test]
fn other_actions() {
    let config = full();
    let routes = &config.sites[0].routes;
    let Action::Redirect(old) = &routes[0].action else { panic!("{:?}", routes[0].action) };
    assert_eq!(old.status, 308);
    assert_eq!(old.to.segments, [literal("/new/"), fill(Placeholder::PathRest)]);
    let Action::Respond(robots) = &routes[2].action else { panic!("{:?}", routes[2].action) };
    assert_eq!((robots.status, robots.body.as_str()), (200, "User-agent: *\nDisallow: /\n"));
    assert_eq!(robots.content_type.as_deref(), Some("text/plain"));
    let Some(Rewrite::Replace(Template { segments, .. })) = &routes[4].rewrite else {
        panic!("{:?}", routes[4].rewrite)
    };
    let expected = [
        literal("/users/"),
        fill(Placeholder::Capture(1)),
        literal("?rest="),
        fill(Placeholder::Capture(2)),
    ];
    assert_eq!(*segments, expected);
    let Action::Proxy(proxy) = &routes[5].action else { panic!("{:?}", routes[5].action) };
    assert_eq!(proxy.host, HostPolicy::Client);
    let Action::Proxy(proxy) = &config.sites[1].routes[0].action else { panic!() };
    assert_eq!(proxy.host, HostPolicy::Literal("www.example.org:8080".into()));
    let Action::Redirect(found) = &config.sites[1].routes[1].action else { panic!() };
    assert_eq!(found.status, 302);
}

#[test]
fn logs_and_admin() {
    let config = full();
    let targets: Vec<_> = config.access_logs.iter().map(|log| &log.target).collect();
    let file = PathBuf::from("/var/log/weir/access.log");
    assert_eq!(targets, [&LogTarget::Stdout, &LogTarget::Stderr, &LogTarget::File(file)]);
    assert_eq!(config.access_logs[0].format, LogFormat::Json);
    assert_eq!(config.access_logs[1].format, LogFormat::Combined);
    let expected = [
        LogSegment::Field(LogField::Method),
        LogSegment::Literal(" ".into()),
        LogSegment::Field(LogField::Path),
        LogSegment::Literal(" {".into()),
        LogSegment::Field(LogField::Header("accept".into())),
        LogSegment::Literal("}".into()),
    ];
    assert_eq!(config.access_logs[2].format, LogFormat::Custom(expected.into()));
    let admin = config.admin.unwrap();
    assert_eq!(admin.address, ListenAddress::Tcp(vec!["127.0.0.1:9900".parse().unwrap()]));
}

#[test]
fn spans_lead_back_to_the_text() {
    let config = full();
    let route = &config.sites[0].routes[0];
    assert_eq!(config.sources.text(route.span), "route \"/old/*\"");
    let place = config.sources.location(route.span).unwrap();
    assert!(place.name.ends_with("full.kdl") && place.column == 5 && place.line > 40, "{place}");
}

#[test]
fn variables_of_the_environment() {
    let package = env!("CARGO_PKG_NAME");
    let text = "listen \":80\"\nsite { route \"/a\" { respond 200 body=\"{env.CARGO_PKG_NAME} \
                {env.WEIR_NO_SUCH:none} {env.WEIR_NO_SUCH:} {{env.X}}\"; }\n}";
    let config = good(text);
    let Action::Respond(respond) = &config.sites[0].routes[0].action else { panic!() };
    assert_eq!(respond.body, format!("{package} none  {{{{env.X}}}}"));
}

#[test]
fn included_files_stand_in_place() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("weir.kdl", "include \"parts/*.kdl\" \"last.kdl\"\nsite { include \"routes/r?.kdl\"\n}");
    write("parts/b.kdl", "\u{feff}listen \":81\"\r\nsite \"b.example\" { }\r\n");
    write("parts/a.kdl", "listen \":80\"\ninclude \"more/c.kdl\"\n");
    write("parts/.hidden.kdl", "broken");
    write("parts/note.txt", "broken");
    write("parts/more/c.kdl", "site \"c.example\" { error-page 500 file=\"c.html\"\n}");
    write("parts/more/c.html", "");
    write("last.kdl", "listen \":82\"");
    write("routes/r1.kdl", "route \"/1\" { respond 200; }");
    write("routes/r2.kdl", "route \"/2\" { respond 200; }");
    let config = load(&directory.path().join("weir.kdl")).unwrap_or_else(|r| panic!("{r}"));
    let ports: Vec<_> = config.listeners.iter().map(|l| l.address.to_string()).collect();
    assert_eq!(ports, ["[::]:80", "[::]:81", "[::]:82"]);
    let hosts: Vec<_> =
        config.sites.iter().flat_map(|s| &s.hosts).map(ToString::to_string).collect();
    assert_eq!(hosts, ["c.example", "b.example"]);
    let paths: Vec<_> = config.sites[2].routes.iter().map(|r| r.path.to_string()).collect();
    assert_eq!(paths, ["=/1", "=/2"]);
    assert_eq!(config.sources.iter().count(), 7);
}

#[test]
fn inclusion_in_a_circle_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let main = directory.path().join("weir.kdl");
    fs::write(&main, "listen \":80\"\ninclude \"other.kdl\"").unwrap();
    fs::write(directory.path().join("other.kdl"), "include \"weir.kdl\"").unwrap();
    let report = load(&main).expect_err("a circle");
    assert_eq!(report.errors(), 1);
    assert!(report.diagnostics[0].message.ends_with("weir.kdl\" includes itself"), "{report}");
}

#[test]
fn what_looks_wrong_is_warned_about() {
    let config = good("listen \":80\"\nupstream \"app\" { server \"127.0.0.1:1\"; }");
    assert_eq!(config.warnings.len(), 1);
    assert_eq!(config.warnings[0].message, "no route uses the upstream `app`");
    let config = good("listen \":80\"\ninclude \"nowhere/*.kdl\"");
    assert_eq!(config.warnings[0].message, "no file matches \"nowhere/*.kdl\"");
}

#[test]
fn a_missing_file_is_said_to_be_missing() {
    let report = load(Path::new("nowhere/weir.kdl")).expect_err("no such file");
    assert_eq!(
        report.render(false).trim(),
        "error: cannot read \"nowhere/weir.kdl\": no such file"
    );
}

#[test]
fn only_plain_files_are_included() {
    let report =
        load_text("weir.kdl", "listen \":80\"\ninclude \"/dev/null\"").expect_err("no file");
    assert_eq!(report.diagnostics[0].message, "cannot read \"/dev/null\": it is not a file");
}
