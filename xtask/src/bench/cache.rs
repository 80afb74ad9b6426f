//! The suite of the cache: hits from memory and from disk, a mix that does not fit, and objects
//! that are always stale.

use super::scenario::{Door, Hit, Likeness, Objects, Order, SCENARIO, Scenario, Store, Work};
use super::suite::{Aim, Suite};

pub(super) const SUITE: Suite = Suite {
    name: "cache",
    scenarios: SCENARIOS,
    peers: &["nginx", "varnish", "ats", "haproxy"],
    aims: &[
        Aim::Cpu { scenario: "1k", peer: "nginx", max: 0.6 },
        Aim::Cpu { scenario: "1k", peer: "varnish", max: 0.7 },
        Aim::Cpu { scenario: "16k-tls", peer: "nginx", max: 0.8 },
        Aim::Hits { scenario: "zipf" },
    ],
    note: NOTE,
};

const NOTE: &str = "\
The same memory for all of them means: Weir `memory`, which counts bodies, heads and a constant \
for each object; nginx `max_size` of files on a tmpfs, each rounded up to 4 KiB, its index not \
counted; Varnish `malloc`, which counts bodies and heads, but not its own structures for each \
object; Traffic Server a cache.db of that size on a tmpfs, and a RAM cache of the same size over \
it, since it has none without a disk; HAProxy `total-max-size`, in blocks of 1 KiB. The column \
MiB says what they really took: memory of the processes (PSS) and files on the tmpfs. Hits are \
counted at the origin: a request that did not reach it was one. Everyone adds `Via` and, but for \
Traffic Server, something as long as `Cache-Status`; Varnish keeps the log in memory that it \
always keeps.";

const SCENARIOS: &[Scenario] = &[
    hit("1k", "Hit of 1 KiB, keep-alive, 64 connections", "/f/1024/1", 1 << 10),
    hit("16k", "Hit of 16 KiB, keep-alive, 64 connections", "/f/16384/1", 16 << 10),
    Scenario {
        work: Work::Hit(Hit { connections: 16, ..object("/f/1048576/1", 1 << 20) }),
        ..hit("1m", "Hit of 1 MiB, keep-alive, 16 connections", "", 0)
    },
    Scenario {
        door: Door::Tls,
        gaps: &[("varnish", "it ends no TLS")],
        ..hit("16k-tls", "Hit of 16 KiB over TLS, 64 connections", "/f/16384/1", 16 << 10)
    },
    Scenario {
        work: Work::Hit(Hit {
            range: Some("bytes=500000-565535"),
            ..object("/f/1048576/2", 64 << 10)
        }),
        gaps: &[("haproxy", "it answers ranges with the whole")],
        ..hit("range", "64 KiB of a kept object of 1 MiB, 64 connections", "", 0)
    },
    Scenario {
        name: "disk",
        title: "Hits on 32,768 objects of 16 KiB (512 MiB), 64 MiB of memory, 4 GiB of disk",
        work: Work::Objects(Objects {
            likeness: Likeness::Fixed,
            bytes: 16 << 10,
            order: Order::Even,
            count: 32_768,
            warm_up_order: Order::InTurn,
            warm_up: 65_536,
            requests: 30_000,
        }),
        store: Some(Store::Disk { memory_mib: 64, disk_mib: 4096 }),
        gaps: &[("haproxy", "it keeps nothing on disk")],
        ..SCENARIO
    },
    Scenario {
        name: "zipf",
        title: "1,000,000 objects of 4.6 KiB in the mean, asked for by Zipf's law (0.95), 256 MiB",
        work: Work::Objects(Objects {
            likeness: Likeness::Spread,
            bytes: 0,
            order: Order::Zipf,
            count: 1_000_000,
            warm_up_order: Order::Zipf,
            warm_up: 450_000,
            requests: 60_000,
        }),
        store: MEMORY,
        ..SCENARIO
    },
    Scenario {
        name: "stale",
        title: "50,000 objects of 1 KiB, each stale when it is asked for, origin answers 304",
        work: Work::Objects(Objects {
            likeness: Likeness::Brief,
            bytes: 1 << 10,
            order: Order::InTurn,
            count: 50_000,
            warm_up_order: Order::InTurn,
            warm_up: 50_000,
            requests: 50_000,
        }),
        store: Some(Store::Memory { mib: 1024 }),
        gaps: &[("haproxy", "it validates nothing, and fetches anew")],
        ..SCENARIO
    },
];

const MEMORY: Option<Store> = Some(Store::Memory { mib: 256 });

const fn object(path: &'static str, body_bytes: u64) -> Hit {
    Hit { path, body_bytes, connections: 64, range: None }
}

const fn hit(
    name: &'static str,
    title: &'static str,
    path: &'static str,
    body_bytes: u64,
) -> Scenario {
    Scenario { name, title, work: Work::Hit(object(path, body_bytes)), store: MEMORY, ..SCENARIO }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aims_and_gaps_name_what_there_is() {
        let is_scenario = |wanted: &str| SCENARIOS.iter().any(|scenario| scenario.name == wanted);
        for aim in SUITE.aims {
            let (Aim::Cpu { scenario, .. } | Aim::Hits { scenario }) = *aim;
            assert!(is_scenario(scenario), "{scenario}");
        }
        let gaps = SCENARIOS.iter().flat_map(|scenario| scenario.gaps);
        assert!(gaps.map(|(peer, _)| peer).all(|peer| SUITE.peers.contains(peer)));
    }

    #[test]
    fn what_should_be_stale_is_asked_for_once_a_turn() {
        for scenario in SCENARIOS {
            if let Work::Objects(Objects { likeness: Likeness::Brief, count, requests, .. }) =
                scenario.work
            {
                assert!(requests <= count, "{}", scenario.name);
            }
        }
    }
}
