//! The suite of HTTP/2 towards clients.

use super::scenario::{Door, SCENARIO, Scenario, Work};
use super::suite::{PROXIES, Suite};

pub(super) const SUITE: Suite =
    Suite { name: "h2", scenarios: SCENARIOS, peers: PROXIES, aims: &[], note: "" };

const SCENARIOS: &[Scenario] = &[
    get(
        "small-1",
        "128-byte GET in the clear, 64 connections with 1 stream",
        ("/small", 128),
        (64, 1),
    ),
    get(
        "small-100",
        "128-byte GET in the clear, 16 connections with 100 streams",
        ("/small", 128),
        (16, 100),
    ),
    Scenario {
        door: Door::Tls,
        ..get(
            "16k-tls",
            "16 KiB GET over TLS, 16 connections with 10 streams",
            ("/16k", 16 << 10),
            (16, 10),
        )
    },
    Scenario {
        h2_origin: true,
        ..get(
            "origin-1",
            "128-byte GET to an origin of HTTP/2, 64 connections with 1 stream",
            ("/small", 128),
            (64, 1),
        )
    },
    Scenario {
        h2_origin: true,
        ..get(
            "origin-100",
            "128-byte GET to an origin of HTTP/2, 16 connections with 100 streams",
            ("/small", 128),
            (16, 100),
        )
    },
    Scenario {
        name: "idle",
        title: "Idle connections in the clear, memory",
        door: Door::H2c,
        ..SCENARIO
    },
];

const fn get(
    name: &'static str,
    title: &'static str,
    (path, body_bytes): (&'static str, u64),
    (connections, streams): (u32, u32),
) -> Scenario {
    let work = Work::H2 { path, body_bytes, connections, streams };
    Scenario { name, title, work, door: Door::H2c, ..SCENARIO }
}
