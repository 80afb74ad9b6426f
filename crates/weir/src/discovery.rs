//! Starting whatever finds servers: the resolver, the sources, the health checks.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use config::{Config, Resolving};
use control::{Control, Discoverer, Resolver, Source, Timing};

use crate::live::Live;
use crate::probes;
use crate::roster::Roster;

/// How long the start waits for the first answer of sources that nothing is known of. What comes
/// later is taken as it comes.
const FIRST_ANSWER_WAIT: Duration = Duration::from_secs(2);

/// How often the start looks whether they have answered.
const LOOK: Duration = Duration::from_millis(5);

/// Starts all of it, and waits a moment for servers to be found.
pub(crate) fn start(
    config: &Config,
    control: &Control,
    (live, roster): (&Arc<Live>, &Arc<Roster>),
) -> Discoverer {
    let resolver = resolver(&config.resolving);
    let heard = Arc::clone(roster);
    let names = resolver.watch(control, move |watched, outcome| heard.note_name(watched, &outcome));
    roster.follow_with(probes::prober(control, live), names);
    control.handle().spawn(Arc::clone(roster).run());
    let heard = Arc::clone(roster);
    let tell = move |source: &Source, news: Result<&[_], &str>| heard.note_source(source, news);
    let discoverer = Discoverer::start(control, &resolver, Source::all(config), tell);
    let until = Instant::now() + FIRST_ANSWER_WAIT;
    while !roster.is_settled() && Instant::now() < until {
        sleep(LOOK);
    }
    discoverer
}

/// Asks as the configuration says.
fn resolver(resolving: &Resolving) -> Resolver {
    let timing = Timing {
        ttl_min: resolving.ttl_min,
        ttl_max: resolving.ttl_max,
        query_timeout: resolving.timeout,
        ..Timing::default()
    };
    Resolver::with_servers(&resolving.servers).with_family(resolving.family).with_timing(timing)
}
