//! The servers of every upstream as the admin listener shows and changes them, and log lines when
//! one is avoided.

use std::time::{Duration, Instant};

use balance::{Admin, Cluster, ServerIndex, Standing};
use control::Refusal;
use proxy::snapshot::Snapshot;
use serde_json::{Value, json};

/// Every upstream with its servers, as JSON.
pub(crate) fn list(snapshot: &Snapshot) -> String {
    let now = Instant::now();
    let upstreams = snapshot.upstreams.iter().map(|upstream| {
        let cluster = &*upstream.cluster;
        let servers = (0..).map(ServerIndex).zip(&upstream.servers);
        let servers: Vec<_> = servers
            .map(|(index, server)| one(cluster, (index, server.target.label()), now))
            .collect();
        json!({ "name": upstream.name, "requests_waiting": cluster.waiting(), "servers": servers })
    });
    format!("{:#}\n", Value::Array(upstreams.collect()))
}

fn one(cluster: &Cluster, (index, address): (ServerIndex, &str), now: Instant) -> Value {
    let vitals = cluster.vitals(index);
    let (standing, reason) = words(cluster.standing(index, now));
    json!({
        "address": address,
        "weight": cluster.weight(index),
        "state": vitals.map(|vitals| vitals.admin().word()),
        "standing": standing,
        "reason": reason,
        "requests_open": vitals.map(|vitals| vitals.active()),
        "latency_us": vitals.map(|vitals| vitals.latency().us(cluster.ms(now))),
    })
}

/// What a server is, and why.
fn words(standing: Standing) -> (&'static str, Option<String>) {
    match standing {
        Standing::Up => ("up", None),
        Standing::Warming => ("warming", Some("slow start".to_owned())),
        Standing::Failing => ("failing", Some("health check".to_owned())),
        Standing::Ejected(cause, left) => {
            ("ejected", Some(format!("{}, for {} s more", cause.label(), left.as_secs() + 1)))
        }
        Standing::Draining => ("draining", Some("the operator drains it".to_owned())),
        Standing::Down => ("down", Some("the operator has taken it out".to_owned())),
    }
}

/// Changes a server as a JSON object says: `state` is `ready`, `drain` or `down`; `weight` is 0 to
/// 65535, or null for the configured one. Nothing is changed where something is wrong.
pub(crate) fn change(
    snapshot: &Snapshot,
    (upstream, server): (&str, &str),
    body: &str,
) -> Result<String, Refusal> {
    let known = snapshot.upstream(upstream);
    let known = known.ok_or_else(|| Refusal::missing(format!("no upstream {upstream:?}")))?;
    let cluster = &known.cluster;
    let index = cluster.find_label(server);
    let index = index.ok_or_else(|| {
        Refusal::missing(format!("upstream {upstream:?} has no server {server:?}"))
    })?;
    let wanted = Wanted::read(body).map_err(Refusal::bad)?;
    if let Some(weight) = wanted.weight {
        cluster.set_weight(index, weight);
    }
    if let Some(state) = wanted.state {
        cluster.set_admin(index, state, Instant::now());
    }
    Ok(format!("{:#}\n", one(cluster, (index, server), Instant::now())))
}

/// What is to change.
#[derive(Default)]
struct Wanted {
    state: Option<Admin>,
    weight: Option<Option<u16>>,
}

impl Wanted {
    fn read(body: &str) -> Result<Self, String> {
        let object: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let Value::Object(fields) = object else { return Err("expected an object".to_owned()) };
        let mut wanted = Self::default();
        for (name, value) in fields {
            match name.as_str() {
                "state" => {
                    let state = value.as_str().and_then(Admin::of);
                    let state = state.ok_or("`state` is \"ready\", \"drain\" or \"down\"")?;
                    wanted.state = Some(state);
                }
                "weight" if value.is_null() => wanted.weight = Some(None),
                "weight" => {
                    let weight = value.as_u64().and_then(|weight| u16::try_from(weight).ok());
                    let weight = weight.ok_or("`weight` is a whole number from 0 to 65535")?;
                    wanted.weight = Some(Some(weight));
                }
                other => return Err(format!("there is no {other:?}; say `state` or `weight`")),
            }
        }
        Ok(wanted)
    }
}

/// What was known of servers at the last look.
#[derive(Default)]
pub(crate) struct Standings {
    ejected: Vec<Vec<bool>>,
}

impl Standings {
    /// Logs who is avoided since the last look, and who is used again.
    pub(crate) fn look(&mut self, snapshot: &Snapshot) {
        let now = Instant::now();
        self.ejected.resize(snapshot.upstreams.len(), Vec::new());
        for (upstream, known) in snapshot.upstreams.iter().zip(&mut self.ejected) {
            known.resize(upstream.servers.len(), false);
            let servers = (0..).map(ServerIndex).zip(&upstream.servers);
            for ((index, server), was) in servers.zip(known) {
                let (name, server) = (&upstream.name, server.target.label());
                match upstream.cluster.standing(index, now) {
                    Standing::Ejected(cause, left) if !*was => {
                        let (cause, left) = (cause.label(), rounded(left));
                        eprintln!(
                            "weir: upstream {name:?}: server {server} is avoided for {left:?}: \
                             {cause}"
                        );
                        *was = true;
                    }
                    Standing::Ejected(..) => {}
                    _ if *was => {
                        eprintln!("weir: upstream {name:?}: server {server} is used again");
                        *was = false;
                    }
                    _ => {}
                }
            }
        }
    }
}

fn rounded(left: Duration) -> Duration {
    Duration::from_secs(left.as_secs() + u64::from(left.subsec_millis() > 0))
}
