//! Health checks of servers, told to the data plane, the log and the metrics.

use std::sync::Arc;

use control::{Control, News, ProbePlan, Prober, Standing};

use crate::live::{Live, Now};

/// What asks the servers of whatever is in force.
pub(crate) fn prober(control: &Control, live: &Arc<Live>) -> Prober {
    let live = Arc::clone(live);
    Prober::new(control, move |at, plan, news| {
        let Now { snapshot, metrics } = live.now();
        let stands = |standing| {
            let is_up = standing == Standing::Up;
            snapshot.set_probe(at, is_up);
        };
        match news {
            News::Begins(standing) => stands(standing),
            News::Probed(result) => metrics.probe(at, result.is_ok()),
            News::Verdict(standing, reason) => {
                stands(standing);
                tell(plan, standing, ("again", reason));
            }
            News::FirstVerdict(standing, reason) => {
                stands(standing);
                tell(plan, standing, ("now", reason));
            }
        }
    })
}

fn tell(plan: &ProbePlan, standing: Standing, (when, reason): (&str, &str)) {
    let (upstream, server) = (&plan.name, plan.target.label());
    match standing {
        Standing::Up => eprintln!("weir: upstream {upstream:?}: server {server} is up {when}"),
        Standing::Down => {
            eprintln!(
                "weir: upstream {upstream:?}: server {server} is down: health check: {reason}"
            );
        }
    }
}
