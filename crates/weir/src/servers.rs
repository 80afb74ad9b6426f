//! The servers of every upstream as the admin listener shows and changes them, and log lines when
//! one is avoided.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use balance::{Admin, Cluster, ServerIndex, Standing};
use config::ListFormat;
use control::Refusal;
use proxy::snapshot::{Snapshot, UpstreamPlan};
use serde_json::{Value, json};

use crate::live::Live;
use crate::roster::Roster;

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

/// One server, as JSON.
pub(crate) fn one(cluster: &Cluster, (index, address): (ServerIndex, &str), now: Instant) -> Value {
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
    (live, roster): (&Live, &Roster),
    (upstream, server): (&str, &str),
    body: &str,
) -> Result<String, Refusal> {
    let snapshot = live.snapshot();
    let (_, known) = find(&snapshot, upstream)?;
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
    roster.say(known, index, server);
    Ok(format!("{:#}\n", one(cluster, (index, server), Instant::now())))
}

fn find<'a>(snapshot: &'a Snapshot, name: &str) -> Result<(usize, &'a UpstreamPlan), Refusal> {
    let mut upstreams = snapshot.upstreams.iter().enumerate();
    let found = upstreams.find(|(_, upstream)| upstream.name == name);
    let found = found.map(|(index, upstream)| (index, &**upstream));
    found.ok_or_else(|| Refusal::missing(format!("no upstream {name:?}")))
}

/// Adds a server as a JSON object says: its `address`, and what else a `server` node may have.
pub(crate) fn add(
    (live, roster): (&Live, &Roster),
    upstream: &str,
    body: &str,
) -> Result<String, Refusal> {
    let snapshot = live.snapshot();
    let (index, _) = find(&snapshot, upstream)?;
    let server = read_server(body).map_err(Refusal::bad)?;
    let address = server.address.to_string();
    roster.add(index, server).map_err(Refusal::conflict)?;
    let snapshot = live.snapshot();
    let (_, known) = find(&snapshot, upstream)?;
    let shown = known
        .cluster
        .find_label(&address)
        .map(|index| one(&known.cluster, (index, &address), Instant::now()));
    Ok(format!("{:#}\n", shown.unwrap_or_else(|| json!({ "address": address }))))
}

/// The object in the form of a list in the configuration.
fn read_server(body: &str) -> Result<config::Server, String> {
    let object: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let Value::Object(mut fields) = object else { return Err("expected an object".to_owned()) };
    let address = fields.remove("address").ok_or("`address` is missing")?;
    fields.insert("_".to_owned(), address);
    let list = json!({ "server": [fields] }).to_string();
    let servers = config::load_servers("request", &list, ListFormat::Json);
    let servers = servers.map_err(|report| {
        let messages: Vec<_> = report.diagnostics.iter().map(|found| &*found.message).collect();
        messages.join("; ")
    })?;
    servers.into_iter().next().ok_or_else(|| "expected one server".to_owned())
}

/// Takes away a server that was added.
pub(crate) fn remove(
    (live, roster): (&Live, &Roster),
    (upstream, server): (&str, &str),
) -> Result<(), Refusal> {
    let snapshot = live.snapshot();
    let (index, known) = find(&snapshot, upstream)?;
    if roster.remove(index, server) {
        return Ok(());
    }
    match known.cluster.find_label(server) {
        None => Err(Refusal::missing(format!("upstream {upstream:?} has no server {server:?}"))),
        Some(_) => Err(Refusal::conflict(format!(
            "the server {server:?} was not added here but is written or was found elsewhere; \
             give it the state \"down\""
        ))),
    }
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
    /// Names of upstream and server.
    ejected: HashSet<(String, Arc<str>)>,
}

impl Standings {
    /// Logs who is avoided since the last look, and who is used again.
    pub(crate) fn look(&mut self, snapshot: &Snapshot) {
        let now = Instant::now();
        let before = std::mem::take(&mut self.ejected);
        for upstream in &snapshot.upstreams {
            let servers = (0..).map(ServerIndex).zip(&upstream.servers);
            for (index, server) in servers {
                let key = (upstream.name.clone(), Arc::clone(server.target.label()));
                let was = before.contains(&key);
                let (name, label) = (&upstream.name, &key.1);
                match upstream.cluster.standing(index, now) {
                    Standing::Ejected(cause, left) => {
                        if !was {
                            let (cause, left) = (cause.label(), rounded(left));
                            eprintln!(
                                "weir: upstream {name:?}: server {label} is avoided for \
                                 {left:?}: {cause}"
                            );
                        }
                        self.ejected.insert(key);
                    }
                    _ if was => {
                        eprintln!("weir: upstream {name:?}: server {label} is used again");
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
