//! Several servers of an upstream: turns, names, and the ones that are not there.

use dialogue::{get, post};
use testkit::origin::ok;
use testkit::{Origin, Setup};

#[test]
fn servers_take_turns_by_weight() {
    let count = |origin: &Origin| origin.requests().len();
    let (heavy, light) = (Origin::simple(ok("h")), Origin::simple(ok("l")));
    let weir = Setup::new()
        .to(&light)
        .upstream(&format!("server \"{}\" weight=2\nbalance \"round-robin\"", heavy.server()))
        .workers(1)
        .start();
    let mut client = weir.client();
    for _ in 0..12 {
        assert_eq!(client.exchange(get("/")).status, 200);
    }
    assert_eq!((count(&heavy), count(&light)), (8, 4));
}

#[test]
fn names_are_resolved() {
    let origin = Origin::echo();
    let weir = Setup::new().server(&format!("localhost:{}", origin.addr().port())).start();
    assert_eq!(weir.get("/by-name").echoed().target(), "/by-name");
}

#[test]
fn a_name_nobody_knows_does_not_hinder_the_start() {
    let weir = Setup::new().server("no-such-name.invalid:80").start();
    let status = weir.get("/").status;
    assert!(matches!(status, 502..=504), "{status}");
}

#[test]
fn a_server_that_is_not_there_costs_no_request() {
    let (nobody, origin) = (testkit::port::free_addr().to_string(), Origin::simple(ok("here")));
    let weir = Setup::new().server(&nobody).to(&origin).start();
    let mut client = weir.client();
    for _ in 0..10 {
        assert_eq!(client.get("/").text(), "here");
        assert_eq!(client.exchange(post("/", "body")).text(), "here", "nothing of it was sent");
    }
    assert_eq!(origin.requests().len(), 20);
    assert!(origin.requests().iter().filter(|r| r.method() == "POST").all(|r| r.text() == "body"));
}

#[test]
fn without_any_server_there_it_is_502_and_each_is_tried_once() {
    let servers = [(); 3].map(|()| testkit::port::free_addr().to_string());
    let setup = servers.iter().fold(Setup::new(), |setup, server| setup.server(server));
    let weir = setup.start();
    let status = weir.get("/").status;
    assert!(matches!(status, 502 | 503), "{status}");
}

#[test]
fn a_server_that_comes_back_is_used_again() {
    let addr = testkit::port::free_addr();
    let weir = Setup::new().server(&addr.to_string()).start();
    assert_eq!(weir.get("/").status, 502);
    let origin = Origin::on(addr, testkit::origin::answering(|_| ok("back")));
    let until = std::time::Instant::now() + testkit::PATIENCE;
    while weir.get("/").status != 200 {
        assert!(std::time::Instant::now() < until, "never used again");
        std::thread::yield_now();
    }
    assert!(!origin.requests().is_empty());
}
