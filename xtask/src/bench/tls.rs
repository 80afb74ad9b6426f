//! The suite of TLS towards clients: TLS 1.3, an ECDSA P-256 certificate, X25519 and
//! AES-128-GCM for the handshakes and the download, which all contenders have.

use super::scenario::{Door, SCENARIO, Scenario, Work};
use super::suite::{PROXIES, Suite};

pub(super) const SUITE: Suite =
    Suite { name: "tls", scenarios: SCENARIOS, peers: PROXIES, aims: &[], note: "" };

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "handshake",
        title: "Full handshake and one 128-byte GET, a new connection for each",
        work: Work::Handshakes { resume: false },
        ..TLS
    },
    Scenario {
        name: "resumed",
        title: "Resumed handshake and one 128-byte GET, a new connection for each",
        work: Work::Handshakes { resume: true },
        ..TLS
    },
    Scenario {
        name: "small",
        title: "128-byte GET, keep-alive, 64 connections",
        work: Work::Get { path: "/small", body_bytes: 128, connections: 64 },
        ..TLS
    },
    Scenario {
        name: "16k",
        title: "16 KiB GET, keep-alive, 64 connections",
        work: Work::Get { path: "/16k", body_bytes: 16 << 10, connections: 64 },
        ..TLS
    },
    Scenario {
        name: "stream-1g",
        title: "1 GiB GET, one at a time",
        work: Work::Download { path: "/stream?bytes=1073741824", requests: 2 },
        ..TLS
    },
    Scenario { name: "idle", title: "Idle keep-alive connections, memory", ..TLS },
];

const TLS: Scenario = Scenario { door: Door::Tls, ..SCENARIO };
