//! How long a match takes with ten routes and with 100,000 over 10,000 hosts:
//! `cargo run --release -p weir-proxy --example route_scale`.

#![allow(clippy::expect_used, reason = "an example may fail")]

use std::error::Error;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use http1::RequestHead;
use weir_proxy::route::captures::Captures;
use weir_proxy::route::{
    HostPattern, Outcome, PathPattern, Query, RouteSpec, Router, Slashes, canonical,
};

const ROUTES_PER_HOST: u32 = 10;
const REQUESTS: usize = 100_000;
const ROUNDS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    println!("| routes | hosts asked for | ns to match | ns with canonical path |");
    println!("|---:|:---|---:|---:|");
    for (hosts, asked, which) in
        [(1, 1, "the one"), (10_000, 1, "one of 10,000"), (10_000, 10_000, "all, at random")]
    {
        let router = Router::compile(&specs(hosts), Slashes::Merge)?;
        let requests = requests(asked);
        let idle = fastest(&requests, |head, _, _| !head.target.is_empty());
        let find =
            fastest(&requests, |head, captures, _| found(&router, head, head.path(), captures));
        let whole = fastest(&requests, |head, captures, scratch| {
            let form = canonical(head.path(), Slashes::Merge, scratch).expect("a path");
            found(&router, head, form.path, captures)
        });
        let routes = hosts * ROUTES_PER_HOST;
        println!("| {routes} | {which} | {:.0} | {:.0} |", find - idle, whole - idle);
    }
    Ok(())
}

fn found(router: &Router, head: &RequestHead, path: &[u8], captures: &mut Captures) -> bool {
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    matches!(router.find(&Query { head, path, client }, captures), Outcome::Found(_))
}

/// The fastest of some rounds over all requests, in ns per request; others may use this machine
/// too. One head is filled anew for each request, as by a connection.
fn fastest(
    requests: &[(String, String)],
    mut find: impl FnMut(&RequestHead, &mut Captures, &mut Vec<u8>) -> bool,
) -> f64 {
    let mut head = RequestHead::default();
    let (mut captures, mut scratch) = (Captures::new(), Vec::new());
    let mut round = |_| {
        let start = Instant::now();
        for (authority, target) in requests {
            head.clear();
            head.authority.extend_from_slice(authority.as_bytes());
            head.target.extend_from_slice(target.as_bytes());
            assert!(black_box(find(black_box(&head), &mut captures, &mut scratch)));
        }
        start.elapsed().as_nanos() as f64 / REQUESTS as f64
    };
    (0..ROUNDS).map(&mut round).fold(f64::INFINITY, f64::min)
}

fn specs(hosts: u32) -> Vec<RouteSpec> {
    let numbers = (0..hosts).flat_map(|host| (0..ROUTES_PER_HOST).map(move |path| (host, path)));
    let spec = |(host, path)| RouteSpec {
        hosts: vec![HostPattern::Exact(format!("shop{host}.example.com"))],
        path: if path == 0 {
            PathPattern::Prefix(String::new())
        } else {
            PathPattern::Prefix(format!("/api/service{path}"))
        },
        methods: vec![],
        predicates: vec![],
    };
    numbers.map(spec).collect()
}

/// Authorities and targets for so many hosts, in an order without a pattern.
fn requests(hosts: u32) -> Vec<(String, String)> {
    let mut state: u32 = 1;
    let mut random = |below| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut request = |_| {
        let authority = format!("shop{}.example.com:443", random(hosts));
        (authority, format!("/api/service{}/items/12345", random(ROUTES_PER_HOST)))
    };
    (0..REQUESTS).map(&mut request).collect()
}
