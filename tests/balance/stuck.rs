//! Servers that are there and get nowhere: heads that never end, connections that nobody accepts.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use testkit::origin::ok;
use testkit::{Origin, Setup};

/// An origin that sends its head by single bytes and never all of it.
fn trickling() -> Origin {
    Origin::script(|c| {
        c.request();
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: ".iter().chain([b'a'; 400].iter()) {
            c.send([*byte]);
            std::thread::sleep(Duration::from_millis(20));
        }
    })
}

#[test]
fn a_head_that_never_ends_is_given_up_for_another_server() {
    let (slow, good) = (trickling(), Origin::simple(ok("good")));
    let settings = "balance \"round-robin\"\ntimeouts first-byte=\"300ms\"\n\
                    retry on=\"timeout\" budget=\"100%\"\neject consecutive-errors=2 base=\"1h\"";
    let weir = Setup::new().workers(1).to(&slow).to(&good).upstream(settings).start();
    let mut client = weir.client();
    for _ in 0..20 {
        assert_eq!(client.get("/").text(), "good", "progress of single bytes is none");
    }
    assert!(slow.requests().len() <= 3, "it is avoided once it has failed");
    assert_eq!(weir.metrics().sum("weir_upstream_server_up", &[&slow.server()]), 0.0);
}

/// A listener whose queue is full, with the connections that fill it.
fn full() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    rustix::net::listen(&listener, 0).expect("a queue of one");
    let addr = listener.local_addr().expect("bound");
    let short = Duration::from_millis(200);
    let connect = || TcpStream::connect_timeout(&addr, short).ok();
    let waiting: Vec<_> = std::iter::from_fn(connect).take(10).collect();
    assert!(waiting.len() < 10, "the queue takes whatever comes");
    (addr, listener, waiting)
}

#[test]
fn a_full_queue_of_connections_is_no_failed_request() {
    let (full, _listener, _waiting) = full();
    let good = Origin::echo();
    let settings = "balance \"round-robin\"\ntimeouts connect=\"300ms\"";
    let setup = Setup::new().workers(1).server(&full.to_string()).to(&good);
    let weir = setup.upstream(settings).start();
    let mut client = weir.client();
    for _ in 0..10 {
        assert_eq!(client.get("/").status, 200);
    }
    // Nothing was sent, so a POST is as safe.
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(client.exchange(post).echoed().text(), "hi");
    assert!(weir.metrics().sum("weir_upstream_server_ejections_total", &["unreachable"]) >= 1.0);
}
