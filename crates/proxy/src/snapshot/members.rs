//! Which servers an upstream has at this moment: those that are written, with each name standing
//! for all of its addresses.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use balance::{Cluster, MemberPlan};

use super::{Name, ServerPlan, ServerTarget, Snapshot, UpstreamPlan};

/// Every name with the one cell for its addresses, the old one if there is one.
#[derive(Default)]
pub(super) struct Names {
    known: HashMap<Arc<str>, Arc<Name>>,
}

impl Names {
    /// The names of a snapshot.
    pub(super) fn known(before: Option<&Snapshot>) -> Self {
        let names = before.into_iter().flat_map(Snapshot::names);
        Self { known: names.map(|name| (Arc::clone(&name.label), Arc::clone(name))).collect() }
    }

    fn get(&mut self, host: &str, port: u16, label: &Arc<str>) -> Arc<Name> {
        let new = || Arc::new(Name::new(host, port, Arc::clone(label)));
        Arc::clone(self.known.entry(Arc::clone(label)).or_insert_with(new))
    }
}

/// The servers of one upstream.
#[derive(Default)]
pub(super) struct Roll {
    pub(super) servers: Vec<ServerPlan>,
    /// The same as balancing takes them, in the same order.
    pub(super) members: Vec<MemberPlan>,
    pub(super) names: Vec<Arc<Name>>,
    pub(super) left_out: usize,
    /// Addresses that were found by name. A second name for one is no second server.
    found: HashSet<Arc<str>>,
}

impl Roll {
    /// Calls the roll: every server at one address, names without any as they are.
    pub(super) fn of(
        written: &[config::Server],
        (zone, servers_max): (Option<&str>, usize),
        names: &mut Names,
    ) -> Self {
        let mut roll = Self::default();
        for server in written {
            let member = MemberPlan {
                label: server.address.to_string(),
                weight: server.weight,
                tier: server.tier,
                is_backup: server.backup,
                is_near: zone.is_some() && server.zone.as_deref() == zone,
            };
            let label: Arc<str> = member.label.as_str().into();
            let target = match &server.address {
                config::ServerAddress::Ip(ip) => ServerTarget::Ip(*ip, label),
                config::ServerAddress::Unix(path) => ServerTarget::Unix(path.clone(), label),
                config::ServerAddress::Name { host, port } => {
                    let name = names.get(host, *port, &label);
                    roll.expand(&name, &member, servers_max);
                    continue;
                }
            };
            roll.add(target, member, servers_max);
        }
        roll
    }

    fn expand(&mut self, name: &Arc<Name>, plan: &MemberPlan, servers_max: usize) {
        self.names.push(Arc::clone(name));
        let addresses = name.addresses();
        if addresses.is_empty() {
            return self.add(ServerTarget::Name(Arc::clone(name)), plan.clone(), servers_max);
        }
        for address in &*addresses {
            let label: Arc<str> = address.to_string().into();
            if self.found.insert(Arc::clone(&label)) {
                let member = MemberPlan { label: label.to_string(), ..plan.clone() };
                let target = ServerTarget::Resolved(*address, label, Arc::clone(name));
                self.add(target, member, servers_max);
            }
        }
    }

    fn add(&mut self, target: ServerTarget, member: MemberPlan, servers_max: usize) {
        if self.servers.len() >= servers_max {
            self.left_out += 1;
            return;
        }
        self.servers.push(ServerPlan { target });
        self.members.push(member);
    }
}

impl Snapshot {
    /// Every name that must be resolved, perhaps more than once.
    pub fn names(&self) -> impl Iterator<Item = &Arc<Name>> {
        self.upstreams.iter().flat_map(|upstream| &upstream.names)
    }

    /// The snapshot in which upstreams, by index, have these servers. Everything else is shared
    /// with this one; what is known of servers that stay is kept.
    #[must_use]
    pub fn with_servers(&self, changes: Vec<(usize, Arc<[config::Server]>)>) -> Self {
        let mut next = self.clone();
        let mut names = Names::known(Some(self));
        for (index, written) in changes {
            let Some(plan) = next.upstreams.get_mut(index) else { continue };
            let about = (self.zone.as_deref(), plan.servers_max);
            let roll = Roll::of(&written, about, &mut names);
            *plan = Arc::new(plan.with_roll(written, roll));
        }
        next
    }
}

impl UpstreamPlan {
    fn with_roll(&self, written: Arc<[config::Server]>, roll: Roll) -> Self {
        let (known, rules) = (&*self.cluster, self.cluster.rules().clone());
        let cluster = Cluster::new(roll.members, rules, Some(known), Instant::now());
        Self {
            written,
            names: roll.names,
            left_out: roll.left_out,
            servers: roll.servers,
            cluster: Arc::new(cluster),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(servers: &str) -> Snapshot {
        let text = format!("listen \":80\"\nupstream \"app\" {{\n{servers}\n}}\n");
        super::super::compile(&config::load_text("test", &text).unwrap(), None).unwrap()
    }

    fn labels(snapshot: &Snapshot) -> Vec<String> {
        let servers = &snapshot.upstreams[0].servers;
        servers.iter().map(|server| server.target.label().to_string()).collect()
    }

    fn again(snapshot: &Snapshot) -> Snapshot {
        snapshot.with_servers(vec![(0, Arc::clone(&snapshot.upstreams[0].written))])
    }

    fn resolve(snapshot: &Snapshot, host: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let name = snapshot.names().find(|name| name.host == host).unwrap();
        name.resolved(addresses);
    }

    #[test]
    fn a_name_is_one_server_until_it_is_known_and_then_one_for_each_address() {
        let first = snapshot("server \"10.0.0.1:80\"\nserver \"app.test:8080\" weight=3 tier=1");
        assert_eq!(labels(&first), ["10.0.0.1:80", "app.test:8080"]);
        resolve(&first, "app.test", &["10.0.0.2:8080", "10.0.0.3:8080"]);
        let second = again(&first);
        assert_eq!(labels(&second), ["10.0.0.1:80", "10.0.0.2:8080", "10.0.0.3:8080"]);
        let plan = &second.upstreams[0];
        assert_eq!(plan.servers[2].target.host(), "app.test:8080", "asked for by its name");
        assert_eq!(plan.cluster.weight(balance::ServerIndex(2)), Some(3));
        assert!(Arc::ptr_eq(&first.routes, &second.routes));
        resolve(&second, "app.test", &["10.0.0.3:8080"]);
        let third = again(&second);
        assert_eq!(labels(&third), ["10.0.0.1:80", "10.0.0.3:8080"]);
        let vitals = |snapshot: &Snapshot, at| {
            Arc::clone(snapshot.upstreams[0].cluster.vitals(balance::ServerIndex(at)).unwrap())
        };
        assert!(Arc::ptr_eq(&vitals(&second, 2), &vitals(&third, 1)), "what is known stays");
    }

    #[test]
    fn an_address_that_two_names_have_is_one_server() {
        let first = snapshot("server \"a.test:80\"\nserver \"b.test:80\"");
        resolve(&first, "a.test", &["10.0.0.1:80", "10.0.0.2:80"]);
        resolve(&first, "b.test", &["10.0.0.2:80", "10.0.0.3:80"]);
        assert_eq!(labels(&again(&first)), ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
    }

    #[test]
    fn what_is_too_much_is_left_out() {
        let first = snapshot("server \"a.test:80\"\nservers-max 2");
        resolve(&first, "a.test", &["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
        let second = again(&first);
        assert_eq!(labels(&second), ["10.0.0.1:80", "10.0.0.2:80"]);
        assert_eq!(second.upstreams[0].left_out, 1);
    }
}
