//! The cache by the rules of RFC 9111 and its neighbours, over sockets.

mod addressed;
mod attacks;
mod coalescing;
mod conditions;
mod confusion;
mod crash;
mod devices;
mod disk;
mod exhausting;
mod explaining;
mod failing;
mod faults;
mod freshness;
mod hanging;
mod insight;
mod keys;
mod load;
mod posts;
mod purging;
mod racing;
mod ranges;
mod requirements;
mod scene;
mod searches;
mod storing;
mod strace;
mod telling;
mod warming;

use scene::Scene;

/// A date this many seconds from now, as a field has it.
fn date(from_now_s: i64) -> String {
    let now = std::time::SystemTime::now();
    let shift = std::time::Duration::from_secs(from_now_s.unsigned_abs());
    let at = if from_now_s < 0 { now - shift } else { now + shift };
    httpdate::fmt_http_date(at)
}
