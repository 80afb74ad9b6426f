//! Connections between two requests: many of them, woken in any way, and none is leaked.

use std::time::Instant;

use dialogue::{get, post, post_chunked};
use testkit::{Client, Origin, PATIENCE, Setup, Weir};

fn idle(weir: &Weir, count: usize) -> Vec<Client> {
    let open = |_| {
        let mut client = weir.client();
        client.expect_alive("/first");
        client
    };
    (0..count).map(open).collect()
}

/// Waits until Weir has as many files open as `before`.
fn wait_files(weir: &Weir, before: usize) {
    let until = Instant::now() + PATIENCE;
    while weir.open_files() > before {
        assert!(Instant::now() < until, "{} files, {before} before", weir.open_files());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn hundreds_of_idle_clients_all_come_back() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let mut clients = idle(&weir, 300);
    weir.wait_metrics(|m| m.sum("weir_exchanges_open", &[]) == 0.0);
    for (number, client) in clients.iter_mut().enumerate() {
        match number % 3 {
            0 => client.send_each_byte(get("/again")),
            1 => drop(client.send(post("/again", "body"))),
            _ => client.send_pieces(["\r\n", "GET /again HTTP/1.1\r\n", "Host: a.test\r\n\r\n"]),
        }
    }
    for client in &mut clients {
        assert_eq!(client.response().echoed().target(), "/again");
    }
}

#[test]
fn idle_clients_that_leave_are_forgotten() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    drop(idle(&weir, 1));
    weir.wait_metrics(|m| m.sum("weir_connections_open", &[]) == 0.0);
    let before = weir.open_files();
    let (closing, resetting) = (idle(&weir, 50), idle(&weir, 50));
    drop(closing);
    resetting.into_iter().for_each(Client::reset);
    weir.wait_metrics(|m| m.sum("weir_connections_open", &[]) == 0.0);
    // Connections to the origin stay in the pool; there was no need for more than one at a time.
    wait_files(&weir, before + 2);
}

#[test]
fn nothing_is_leaked_by_exchanges_that_end_badly() {
    let origin = Origin::script(|c| {
        while let Some(request) = c.next_request() {
            match request.target() {
                "/cut" => {
                    c.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
                    return;
                }
                "/none" => return,
                "/wait" => return c.drain(),
                _ => drop(c.send(testkit::origin::ok("fine"))),
            }
        }
    });
    let weir = Weir::before(&origin);
    weir.client().expect_alive("/fine");
    let before = weir.open_files();
    for _ in 0..20 {
        for target in ["/cut", "/none"] {
            let _any_outcome = weir.client().ask(get(target)).outcome();
        }
        weir.client().send(get("/wait"));
        weir.client().send("GET /half HTTP/1.1\r\nHo");
        weir.client().send(post_chunked("5\r\nhel"));
        weir.client().send("BAD\r\n\r\n");
    }
    weir.wait_metrics(|m| m.sum("weir_connections_open", &[]) == 0.0);
    wait_files(&weir, before + 2);
    weir.client().expect_alive("/fine");
}

/// The first bytes of a head may come in the very moment in which the worker gives up waiting for
/// them; they must not be lost, or the rest of the head would be read as a request.
#[test]
fn a_head_that_begins_as_the_wait_ends_is_read_whole() {
    let origin = Origin::echo();
    let weir = Setup::new().to(&origin).workers(1).start();
    let mut clients: Vec<_> = (0..300).map(|_| weir.client()).collect();
    std::thread::sleep(std::time::Duration::from_millis(200));
    for client in &mut clients {
        client.send("GET /whole HTTP/1.1\r\nX-Rest: ");
        std::thread::sleep(std::time::Duration::from_micros(300));
    }
    for client in &mut clients {
        client.send("GET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.response().echoed().target(), "/whole");
    }
    assert!(origin.requests().iter().all(|request| request.target() == "/whole"));
}
