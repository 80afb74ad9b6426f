//! The prober against scripted servers: what passes, what does not and why.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use testkit::Origin;
use testkit::origin::ok;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

/// What was told, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Begins(u32, Standing),
    Passed(u32),
    Failed(u32, String),
    Verdict(u32, Standing, String),
}

fn told(at: ServerAt, news: News<'_>) -> Told {
    let server = at.server;
    match news {
        News::Begins(standing) => Told::Begins(server, standing),
        News::Probed(Ok(())) => Told::Passed(server),
        News::Probed(Err(reason)) => Told::Failed(server, reason.to_owned()),
        News::Verdict(standing, reason) | News::FirstVerdict(standing, reason) => {
            Told::Verdict(server, standing, reason.to_owned())
        }
    }
}

/// The plans for an upstream with these servers and this check.
fn plans(servers: &[String], check: &str) -> Vec<ProbePlan> {
    let servers: String = servers.iter().map(|server| format!("server \"{server}\"\n")).collect();
    let text = format!("listen \":80\"\nupstream \"app\" {{\n{servers}{check}\n}}");
    let config = config::load_text("weir.kdl", &text).unwrap();
    ProbePlan::all(&proxy::snapshot::compile(&config, None).unwrap())
}

struct Scene {
    prober: Prober,
    news: Receiver<Told>,
    control: Control,
}

impl Scene {
    fn new(servers: &[String], check: &str) -> Self {
        Self::of(plans(servers, check))
    }

    fn of(plans: Vec<ProbePlan>) -> Self {
        let control = Control::start().unwrap();
        let (sender, news) = channel();
        let mut prober = Prober::new(&control, move |at, _, news| {
            // The test may have seen enough.
            _ = sender.send(told(at, news));
        });
        prober.follow(plans);
        Self { prober, news, control }
    }

    fn next(&self) -> Told {
        self.news.recv_timeout(PATIENCE).unwrap()
    }

    /// The reason of the first verdict that a server is down.
    fn reason(&self) -> String {
        loop {
            if let Told::Verdict(_, Standing::Down, reason) = self.next() {
                return reason;
            }
        }
    }
}

/// What is wrong with a server, by a check over HTTP with these settings.
fn reason(origin: &Origin, settings: &str) -> String {
    let check = format!("health-check \"/healthz\" initial=\"probe\" {settings}");
    Scene::new(&[origin.server()], &check).reason()
}

fn passes(origin: &Origin, settings: &str) {
    let check = format!("health-check \"/healthz\" initial=\"probe\" {settings}");
    let scene = Scene::new(&[origin.server()], &check);
    assert_eq!(scene.next(), Told::Begins(0, Standing::Down));
    assert_eq!(scene.next(), Told::Passed(0));
    assert_eq!(scene.next(), Told::Verdict(0, Standing::Up, String::new()));
}

#[test]
fn a_request_is_what_the_check_says() {
    let origin = Origin::simple(ok("x"));
    passes(&origin, "{ header \"X-Probe\" \"a b\"; }");
    let server = origin.server();
    let expected = format!(
        "GET /healthz HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {AGENT}\r\nX-Probe: a b\r\n\
         Connection: close\r\n\r\n"
    );
    assert_eq!(String::from_utf8_lossy(&origin.seen().last().raw), expected);
    passes(&origin, "method=\"POST\" host=\"app.internal\" { header \"User-Agent\" \"me\"; }");
    let expected = "POST /healthz HTTP/1.1\r\nHost: app.internal\r\nContent-Length: 0\r\n\
                    User-Agent: me\r\nConnection: close\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&origin.seen().last().raw), expected);
}

#[test]
fn statuses_decide() {
    let teapot = Origin::simple("HTTP/1.1 418 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(reason(&teapot, ""), "HTTP status 418");
    passes(&teapot, "status=\"200,418\"");
    assert_eq!(reason(&Origin::simple(ok("x")), "status=\"201-299\""), "HTTP status 200");
    let early = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    });
    passes(&early, "");
}

#[test]
fn bodies_decide_however_they_are_framed() {
    passes(&Origin::simple(ok("all is well")), "body=\"is we\"");
    let sick = Origin::simple(ok("all is lost"));
    assert_eq!(reason(&sick, "body=\"well\""), "the body does not contain \"well\"");
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwe\r\n2\r\nll\r\n0\r\n\r\n";
    passes(&Origin::simple(chunked), "body=\"well\"");
    let until_close = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.0 200 OK\r\n\r\nwe");
        c.send("ll");
    });
    passes(&until_close, "body=\"well\"");
    let empty = Origin::simple("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(reason(&empty, "body=\"well\""), "the body does not contain \"well\"");
}

#[test]
fn only_so_much_of_a_body_is_read() {
    let endless = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\n\r\n");
        c.send(vec![b'.'; body::BODY_BYTES_MAX]);
        c.send("well");
        c.drain();
    });
    assert_eq!(reason(&endless, "body=\"well\""), "the body does not contain \"well\"");
}

#[test]
fn answers_that_are_none_fail() {
    let nobody = testkit::port::free_addr().to_string();
    let check = "health-check \"/\" initial=\"probe\"";
    assert_eq!(Scene::new(&[nobody], check).reason(), "connection refused");
    let silent = Origin::script(|c| {
        c.request();
    });
    assert_eq!(reason(&silent, ""), "the connection ended before an answer");
    let strange = Origin::simple("SSH-2.0-OpenSSH\r\n\r\n");
    assert_eq!(reason(&strange, ""), "the answer is malformed (bad_status_line)");
    let deaf = Origin::deaf();
    let settings = "interval=\"50ms\" timeout=\"50ms\"";
    assert_eq!(reason(&deaf, settings), "no answer within 50ms");
    let chatty = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 102 Processing\r\n\r\n".repeat(100));
        c.drain();
    });
    assert_eq!(reason(&chatty, ""), "too many interim answers");
    let wide = Origin::script(|c| {
        c.request();
        c.send(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(16 * 1024)));
        c.drain();
    });
    assert_eq!(reason(&wide, ""), "the answer is malformed (head_too_large)");
}

#[test]
fn a_server_that_listens_is_enough_for_tcp() {
    let origin = Origin::script(|_| {});
    let check = "health-check kind=\"tcp\" initial=\"probe\"";
    let scene = Scene::new(&[origin.server()], check);
    assert_eq!(scene.next(), Told::Begins(0, Standing::Down));
    assert_eq!(scene.next(), Told::Passed(0));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.sock");
    let unix = Origin::unix(&path, |_| {});
    let scene = Scene::new(&[unix.server()], check);
    assert_eq!([scene.next(), scene.next()][1], Told::Passed(0));
    let other = Origin::script(|_| {});
    let check = format!("{check} port={}", other.addr().port());
    let scene = Scene::new(&["127.0.0.1:1".to_owned()], &check);
    assert_eq!([scene.next(), scene.next()][1], Told::Passed(0));
}

#[test]
fn a_server_without_an_address_fails() {
    let mut plans = plans(&["app.invalid:80".to_owned()], "health-check kind=\"tcp\" unhealthy=1");
    if let Some(ProbePlan { target: ServerTarget::Name(name), .. }) = plans.first_mut() {
        name.unresolved();
    }
    let scene = Scene::of(plans);
    assert_eq!(scene.reason(), "the name has no address");
}

#[test]
fn what_is_known_outlives_a_change() {
    let (sick, well) = (Origin::simple("HTTP/1.1 500 No\r\n\r\n"), Origin::simple(ok("x")));
    let servers = [sick.server(), well.server()];
    let check = "health-check \"/\" unhealthy=1 interval=\"30ms\" fast-interval=\"10ms\"";
    let scene = Scene::new(&servers, check);
    let mut news = vec![scene.next(), scene.next()];
    assert_eq!(news, [Told::Begins(0, Standing::Up), Told::Begins(1, Standing::Up)]);
    let verdict = Told::Verdict(0, Standing::Down, "HTTP status 500".to_owned());
    while !news.contains(&verdict) || !news.contains(&Told::Passed(1)) {
        news.push(scene.next());
    }
    // The other way round, and one is new.
    let servers = [well.server(), sick.server(), "127.0.0.1:1".to_owned()];
    let Scene { mut prober, news, control } = scene;
    while news.try_recv().is_ok() {}
    prober.follow(plans(&servers, check));
    let begun: Vec<_> = news.try_iter().filter(|told| matches!(told, Told::Begins(..))).collect();
    assert_eq!(begun, [Told::Begins(2, Standing::Up)], "the others go on undisturbed");
    let until = |wanted: Told| while news.recv_timeout(PATIENCE).unwrap() != wanted {};
    until(Told::Failed(1, "HTTP status 500".to_owned()));
    // Asked in another way: what is known stays.
    let check = "health-check \"/else\" unhealthy=1 interval=\"30ms\" fast-interval=\"10ms\"";
    prober.follow(plans(&servers, check));
    until(Told::Begins(0, Standing::Up));
    until(Told::Begins(1, Standing::Down));
    prober.follow(plans(&servers[..1], check));
    drop(control);
}

#[test]
fn a_dropped_prober_asks_no_more() {
    let origin = Origin::simple(ok("x"));
    let check = "health-check \"/\" interval=\"10ms\"";
    let Scene { prober, news, control } = Scene::new(&[origin.server()], check);
    while !matches!(news.recv_timeout(PATIENCE).unwrap(), Told::Passed(_)) {}
    drop(prober);
    // The channel ends when the last task has let go of it.
    while news.recv_timeout(PATIENCE).is_ok() {}
    assert!(news.try_recv().is_err());
    drop(control);
}

#[test]
fn so_many_probes_run_at_once() {
    let deaf = Origin::deaf();
    let check = "health-check \"/\" initial=\"probe\" interval=\"1h\" timeout=\"1h\"";
    let mut plans = plans(&vec![deaf.server(); PROBES_MAX + 20], check);
    for (number, plan) in plans.iter_mut().enumerate() {
        plan.name = number.to_string().into();
    }
    let _scene = Scene::of(plans);
    deaf.seen().wait_connections(PROBES_MAX);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(deaf.seen().open(), PROBES_MAX);
}
