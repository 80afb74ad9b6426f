//! What the operator has said of servers.

use std::collections::HashMap;
use std::time::Instant;

use balance::{Admin, ServerIndex};
use proxy::snapshot::UpstreamPlan;

/// The operator's words by the names of upstream and server. Only the operator adds to them.
#[derive(Debug, Default)]
pub(super) struct Words {
    spoken: HashMap<(String, String), Word>,
}

#[derive(Clone, Copy, Debug)]
struct Word {
    state: Admin,
    weight: Option<u16>,
}

impl Words {
    /// Remembers what a server is by the operator's word.
    pub(super) fn hear(&mut self, plan: &UpstreamPlan, index: ServerIndex, label: &str) {
        let Some(vitals) = plan.cluster.vitals(index) else { return };
        let word = Word { state: vitals.admin(), weight: vitals.weight() };
        let key = (plan.name.clone(), label.to_owned());
        if word.state == Admin::Ready && word.weight.is_none() {
            self.spoken.remove(&key);
        } else {
            self.spoken.insert(key, word);
        }
    }

    /// Says it again of servers that have come back.
    pub(super) fn repeat(&self, plan: &UpstreamPlan) {
        let now = Instant::now();
        for ((_, label), word) in self.spoken.iter().filter(|((name, _), _)| *name == plan.name) {
            let Some(index) = plan.cluster.find_label(label) else { continue };
            let Some(vitals) = plan.cluster.vitals(index) else { continue };
            if vitals.admin() != word.state {
                plan.cluster.set_admin(index, word.state, now);
            }
            if vitals.weight() != word.weight {
                plan.cluster.set_weight(index, word.weight);
            }
        }
    }
}
