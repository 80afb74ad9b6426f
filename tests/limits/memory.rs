//! The memory budget: over it work is shed with a status, and the process lives on.

use std::time::Instant;

use dialogue::get;
use testkit::{Origin, Outcome, PATIENCE, Setup};

#[test]
fn memory_max_sheds_work_and_recovers() {
    let origin = Origin::echo();
    let weir = Setup::new().global("limits { memory-max \"1MiB\"; }").to(&origin).start();
    let half_head = format!("GET / HTTP/1.1\r\nHost: a.test\r\nX: {}", "v".repeat(20_000));
    let mut clients: Vec<_> = (0..300).map(|_| weir.client()).collect();
    for client in &mut clients {
        client.send(&half_head);
    }
    weir.wait_metrics(|m| m.sum("weir_limits_hit_total", &["memory-max"]) >= 1.0);
    drop(clients);
    let until = Instant::now() + PATIENCE;
    loop {
        match weir.client().ask(get("/")).outcome() {
            Outcome::Whole(got) if got.status == 200 => break,
            Outcome::Whole(got) => assert_eq!(got.status, 503),
            Outcome::Cut(_) => {}
            other => panic!("{other:?}"),
        }
        assert!(Instant::now() < until, "never recovered");
    }
}

#[test]
fn unread_responses_stay_with_the_origin() {
    let origin = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        let block = vec![b'x'; 1 << 20];
        for _ in 0..953 {
            if !c.try_send(&block) {
                return;
            }
        }
    });
    let weir = Setup::new().to(&origin).start();
    let mut first = weir.client();
    first.send(get("/"));
    first.read_head().expect("a head");
    first.reset();
    let before = weir.rss_bytes();
    let mut clients: Vec<_> = (0..20).map(|_| weir.client()).collect();
    for client in &mut clients {
        client.send(get("/"));
        client.read_head().expect("a head");
    }
    let grown = weir.rss_bytes().saturating_sub(before);
    assert!(grown < 20 << 20, "{grown} bytes for 20 clients that do not read");
}

#[test]
fn a_pipeline_that_is_not_read_is_not_answered_into_memory() {
    const COUNT: usize = 50_000;
    let body = "b".repeat(1000);
    let origin = Origin::simple(testkit::origin::ok(body));
    let weir = Setup::new().to(&origin).start();
    weir.client().expect_alive("/");
    let before = weir.rss_bytes();
    let mut client = weir.client();
    let mut sink = client.sock().share();
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        let requests = get("/p").repeat(100);
        // It blocks when Weir stops reading, and goes on when the responses are read.
        (0..COUNT / 100).all(|_| sink.write_all(requests.as_bytes()).is_ok())
    });
    origin.seen().wait_requests(100);
    let mut last = 0;
    while last != origin.requests().len() {
        last = origin.requests().len();
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let grown = weir.rss_bytes().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes for a client that does not read");
    assert!(last < COUNT, "all {COUNT} were asked of the origin");
    for _ in 0..last {
        assert_eq!(client.response().status, 200);
    }
    client.sock().shutdown(std::net::Shutdown::Both);
    let _cut_off_is_fine = writer.join().expect("the writer ends");
}
