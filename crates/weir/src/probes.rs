//! Health checks of servers: begun for a snapshot, told to the data plane, the log and the metrics.

use std::sync::Arc;

use control::{Control, News, ProbePlan, Prober, Standing};
use proxy::record::{Metrics, ServerAt};
use proxy::snapshot::Snapshot;

/// Asks the servers of a snapshot. What `before` knows of the same servers is carried over.
pub(crate) fn start(
    control: &Control,
    snapshot: &Arc<Snapshot>,
    metrics: &Metrics,
    before: Option<&Prober>,
) -> Prober {
    let (snapshot, metrics) = (Arc::clone(snapshot), metrics.clone());
    let plans = ProbePlan::all(&snapshot);
    Prober::start(control, plans, before, move |plan, news| {
        let at = ServerAt { upstream: plan.upstream, server: plan.server };
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
