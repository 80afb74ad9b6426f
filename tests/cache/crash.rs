//! `kill -9` under load, again and again: every body that is served before and after is the
//! origin's, whole and of one version, and what was purged does not come back.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use testkit::client::Outcome;
use testkit::{Client, Origin, Request, Setup, Weir};

const ROUNDS: u64 = 200;
const CLIENTS: u64 = 3;
const OBJECTS: u64 = 150;

/// A generator without a pattern that matters.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// The content of an object in a version: short, of several blocks, or too long for memory.
fn body(path: &str, version: u64) -> Vec<u8> {
    let seed = path.bytes().fold(version + 7, |seed, byte| seed * 31 + u64::from(byte)) | 1;
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let most = [500, 60_000, 200_000, 900_000][random.below(4) as usize];
    let length = random.below(most) as usize;
    let word = format!("{path} {version} {} ", random.below(1 << 40));
    word.bytes().cycle().take(length).collect()
}

/// Each answer is a new version.
fn origin(versions: &Arc<AtomicU64>) -> Origin {
    let versions = Arc::clone(versions);
    Origin::answer(move |request: &Request| {
        let version = versions.fetch_add(1, Ordering::SeqCst);
        let body = body(request.target(), version);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nX-Version: {version}\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        [head.into_bytes(), body].concat()
    })
}

fn start(origin: &Origin, directory: &Path) -> Weir {
    Setup::new()
        .to(origin)
        .global(&format!("cache {{ memory \"4MiB\"; disk {directory:?} size=\"48MiB\"; }}"))
        .route("cache { purge \"127.0.0.1\"; }")
        .start()
}

/// What is known of the objects, over all lives of Weir.
#[derive(Default)]
struct Known {
    /// The next version that the origin gives.
    versions: Arc<AtomicU64>,
    /// The least version of each object that may be served: all before were purged.
    least: Mutex<HashMap<u64, u64>>,
    served: AtomicU64,
    hits: AtomicU64,
    purged: AtomicU64,
}

impl Known {
    /// Asks for an object; `false` when the connection has broken.
    fn get(&self, client: &mut Client, object: u64) -> bool {
        let floor = self.least.lock().unwrap().get(&object).copied().unwrap_or(0);
        let path = format!("/{object}");
        client.ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let Outcome::Whole(response) = client.outcome() else { return false };
        assert_eq!(response.status, 200, "{path}");
        let version = response.field("x-version").unwrap().parse().unwrap();
        assert!(response.body == body(&path, version), "{path}: not the body of {version}");
        assert!(version >= floor, "{path}: version {version} is back, purged before {floor}");
        self.served.fetch_add(1, Ordering::Relaxed);
        let is_hit = response.field("cache-status").unwrap().contains("hit");
        self.hits.fetch_add(is_hit.into(), Ordering::Relaxed);
        true
    }

    /// Purges an object; `false` when the connection has broken.
    fn purge(&self, client: &mut Client, object: u64) -> bool {
        let newest = self.versions.load(Ordering::SeqCst);
        client.ask(format!("PURGE /{object} HTTP/1.1\r\nHost: a\r\nPurge-Mode: hard\r\n\r\n"));
        let Outcome::Whole(purged) = client.outcome() else { return false };
        assert_eq!(purged.status, 200);
        let mut least = self.least.lock().unwrap();
        let known = least.entry(object).or_default();
        *known = newest.max(*known);
        self.purged.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Asks and purges until the connection breaks.
    fn load(&self, mut client: Client, seed: u64) {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        while match (random.below(30), random.below(OBJECTS)) {
            (0, object) => self.purge(&mut client, object),
            (_, object) => self.get(&mut client, object),
        } {}
    }
}

#[test]
fn two_hundred_kills_mix_nothing_and_bring_nothing_back() {
    let directory = tempfile::tempdir().unwrap();
    let known = Known::default();
    let origin = origin(&known.versions);
    let mut random = Random(0x5EED);
    let mut found = 0;
    for round in 0..ROUNDS {
        let weir = start(&origin, &directory.path().join("cache"));
        assert!(weir.metrics().sum("weir_cache_disk_up", &[]) == 1.0, "{:?}", weir.stderr());
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (known, connection) = (&known, weir.client());
                scope.spawn(move || known.load(connection, round * CLIENTS + client + 1));
            }
            std::thread::sleep(Duration::from_millis(20 + random.below(150)));
            found += weir.metrics().sum("weir_cache_disk_hits_total", &[]) as u64;
            weir.signal(rustix::process::Signal::KILL);
        });
    }
    let weir = start(&origin, &directory.path().join("cache"));
    let mut client = weir.client();
    for object in 0..OBJECTS {
        assert!(known.get(&mut client, object));
    }
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let (served, hits, purged) = (of(&known.served), of(&known.hits), of(&known.purged));
    assert!(served > 5_000 && hits > served / 4, "{served} served, {hits} of them hits");
    assert!(purged > 100 && found > 1_000, "{purged} purged, {found} back from the disk");
}
