//! How many connections: in all (503), per client (429), and to servers.

use std::time::Instant;

use dialogue::get;
use testkit::{Client, Origin, PATIENCE, Setup, Weir};

fn limited(origin: &Origin, limits: &str) -> Weir {
    Setup::new().global(&format!("limits {{ {limits}; }}")).to(origin).start()
}

/// Connections that are in use for sure: each has had a response.
fn busy(weir: &Weir, count: usize) -> Vec<Client> {
    (0..count)
        .map(|_| {
            let mut client = weir.client();
            client.expect_alive("/");
            client
        })
        .collect()
}

/// Tries until a new connection is served again.
fn wait_served(weir: &Weir) {
    let until = Instant::now() + PATIENCE;
    while weir.client().exchange(get("/")).status != 200 {
        assert!(Instant::now() < until, "still refused");
    }
}

#[test]
fn connections_max_is_503_and_frees_itself() {
    let origin = Origin::echo();
    let weir = limited(&origin, "connections-max 4");
    let clients = busy(&weir, 4);
    let mut fifth = weir.client();
    assert_eq!(fifth.exchange(get("/")).status, 503);
    fifth.expect_closed();
    drop(clients);
    wait_served(&weir);
    weir.wait_metrics(|m| m.sum("weir_limits_hit_total", &["connections-max"]) >= 1.0);
}

#[test]
fn connections_per_client_max_is_429_and_frees_itself() {
    let origin = Origin::echo();
    let weir = limited(&origin, "connections-per-client-max 3");
    let clients = busy(&weir, 3);
    let mut fourth = weir.client();
    assert_eq!(fourth.exchange(get("/")).status, 429);
    fourth.expect_closed();
    drop(clients);
    wait_served(&weir);
    weir.wait_metrics(|m| m.sum("weir_limits_hit_total", &["connections-per-client-max"]) >= 1.0);
}

#[test]
fn other_clients_are_not_limited_by_one() {
    let origin = Origin::echo();
    let weir = limited(&origin, "connections-per-client-max 3");
    let _clients = busy(&weir, 3);
    let from = std::net::SocketAddr::from(([127, 0, 0, 9], 0));
    let mut other = Client::connect_from(from, weir.addr());
    assert_eq!(other.exchange(get("/")).status, 200);
}

#[test]
fn connections_to_a_server_are_kept_and_used_again() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    for _ in 0..20 {
        client.expect_alive("/");
    }
    assert_eq!(origin.seen().connections().len(), 1);
    weir.wait_metrics(|m| m.sum("weir_pool_hits_total", &[]) >= 19.0);
}

#[test]
fn an_upstream_connection_idle_too_long_is_closed() {
    let origin = Origin::echo();
    let weir = Setup::new().upstream("connections idle=\"200ms\"").to(&origin).start();
    weir.client().expect_alive("/");
    origin.seen().wait_idle();
}
