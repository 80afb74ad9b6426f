//! The suite of plain HTTP/1.1 on both sides.

use super::scenario::{Exchange, SCENARIO, Scenario, Work};
use super::suite::{PROXIES, Suite};

pub(super) const SUITE: Suite =
    Suite { name: "h1", scenarios: SCENARIOS, peers: PROXIES, aims: &[], note: "" };

const SCENARIOS: &[Scenario] = &[
    get("small-64", "128-byte GET, keep-alive, 64 connections", "/small", 128, 64),
    get("small-512", "128-byte GET, keep-alive, 512 connections", "/small", 128, 512),
    get("16k", "16 KiB GET, keep-alive, 64 connections", "/16k", 16 << 10, 64),
    get("1m", "1 MiB GET, keep-alive, 16 connections", "/1m", 1 << 20, 16),
    Scenario {
        name: "stream-1g",
        title: "1 GiB GET, one at a time",
        work: Work::Exchange(Exchange {
            path: "/stream?bytes=1073741824",
            body_bytes: 1 << 30,
            connections: 1,
            requests_max: Some(2),
            ..UPLOAD
        }),
        ..SCENARIO
    },
    Scenario {
        name: "upload-16k",
        title: "16 KiB POST, keep-alive, 64 connections",
        work: Work::Exchange(Exchange { upload_bytes: 16 << 10, connections: 64, ..UPLOAD }),
        ..SCENARIO
    },
    Scenario {
        name: "upload-64m",
        title: "64 MiB POST, keep-alive, 4 connections",
        work: Work::Exchange(Exchange { upload_bytes: 64 << 20, connections: 4, ..UPLOAD }),
        ..SCENARIO
    },
    Scenario {
        name: "connect",
        title: "128-byte GET, a new connection for each, 32 at a time",
        work: Work::Exchange(Exchange {
            path: "/small",
            body_bytes: 128,
            close: true,
            connections: 32,
            ..UPLOAD
        }),
        ..SCENARIO
    },
    Scenario { name: "idle", title: "Idle keep-alive connections, memory", ..SCENARIO },
];

const UPLOAD: Exchange = Exchange {
    path: "/upload",
    body_bytes: 2,
    upload_bytes: 0,
    close: false,
    connections: 1,
    requests_max: None,
};

const fn get(
    name: &'static str,
    title: &'static str,
    path: &'static str,
    body_bytes: u64,
    connections: u32,
) -> Scenario {
    Scenario { name, title, work: Work::Get { path, body_bytes, connections }, ..SCENARIO }
}
