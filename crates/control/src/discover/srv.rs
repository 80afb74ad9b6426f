//! Servers of SRV records (RFC 2782).

use config::{Server, ServerAddress, Span};
use tokio::time::sleep;

use super::Followed;
use crate::Resolver;
use crate::resolve::{Backoff, Record, Records};

/// The highest tier there is.
const TIER_MAX: usize = 15;

/// Asks for the records again and again by their TTL.
pub(super) async fn follow(mut followed: Followed, resolver: Resolver, name: String) {
    let mut backoff = Backoff::default();
    loop {
        let answer = resolver.srv(&name).await;
        let ttl = answer.as_ref().ok().map(|records| records.ttl);
        followed.note(answer.map(|Records { list, .. }| servers(list)));
        sleep(resolver.wait(ttl, &mut backoff)).await;
    }
}

/// The records as servers: a priority is a tier, the lowest one the first; a weight is a weight.
/// Where none has a weight they are equal; else a weight of 0 is a very small one (RFC 2782).
fn servers(mut records: Vec<Record>) -> Vec<Server> {
    // A target of "." says that there is no such service.
    records.retain(|record| !record.target.is_empty() && record.port != 0);
    records.sort_unstable();
    records.dedup();
    let mut priorities: Vec<_> = records.iter().map(|record| record.priority).collect();
    priorities.dedup();
    let server = |record: Record| {
        let tier = priorities.iter().position(|known| *known == record.priority).unwrap_or(0);
        Server {
            address: ServerAddress::Name { host: record.target, port: record.port },
            weight: record.weight.max(1),
            zone: None,
            backup: false,
            tier: tier.min(TIER_MAX) as u8,
            span: Span::default(),
        }
    };
    records.into_iter().map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(priority: u16, weight: u16, target: &str) -> Record {
        Record { priority, weight, target: target.to_owned(), port: 80 }
    }

    #[test]
    fn priorities_are_tiers_and_weights_are_weights() {
        let records = vec![
            record(20, 0, "c.test"),
            record(10, 60, "a.test"),
            record(10, 0, "b.test"),
            record(10, 60, "a.test"),
            record(5, 1, ""),
        ];
        let servers: Vec<_> = servers(records)
            .into_iter()
            .map(|server| (server.address.to_string(), server.tier, server.weight))
            .collect();
        let expected = [("b.test:80", 0, 1), ("a.test:80", 0, 60), ("c.test:80", 1, 1)];
        assert_eq!(servers, expected.map(|(name, tier, weight)| (name.to_owned(), tier, weight)));
    }

    #[test]
    fn there_are_only_so_many_tiers() {
        let records = (0..40).map(|priority| record(priority, 1, "a.test")).collect();
        assert_eq!(servers(records).last().unwrap().tier, 15);
    }
}
