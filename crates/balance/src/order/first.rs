//! Fill in order: the first server until it is full, then the next. Keeps the others free to be
//! switched off.

use super::Share;

/// Servers before the current one that are looked at with each pick: other workers release too.
const REVISITED: usize = 2;

#[derive(Debug)]
pub(crate) struct First {
    servers: Vec<u32>,
    /// All before this one were full when last looked at.
    current: usize,
    revisit: usize,
}

impl First {
    pub(crate) fn new(shares: &[Share]) -> Self {
        let servers = shares.iter().map(|share| share.server).collect();
        Self { servers, current: 0, revisit: 0 }
    }

    pub(crate) fn next(&mut self, mut accepts: impl FnMut(u32) -> bool) -> Option<u32> {
        for _ in 0..REVISITED.min(self.current) {
            self.revisit = (self.revisit + 1) % self.current;
            if let Some(server) = self.servers.get(self.revisit)
                && accepts(*server)
            {
                self.current = self.revisit;
                return Some(*server);
            }
        }
        let left = self.servers.get(self.current..).unwrap_or_default();
        if let Some(steps) = left.iter().position(|server| accepts(*server)) {
            self.current += steps;
            return self.servers.get(self.current).copied();
        }
        let before = self.servers.get(..self.current).unwrap_or_default();
        let found = before.iter().position(|server| accepts(*server))?;
        self.current = found;
        self.servers.get(found).copied()
    }

    /// A server has room again.
    pub(crate) fn released(&mut self, server: u32) {
        // The list is in the order of the configuration, and so are the numbers.
        let at = self.servers.partition_point(|known| *known < server);
        self.current = self.current.min(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_fill_one_after_the_other() {
        let shares: Vec<_> = (0..4).map(|server| Share { server, weight: 1 }).collect();
        let mut first = First::new(&shares);
        let mut load = [0; 4];
        let mut order = Vec::new();
        for _ in 0..6 {
            let chosen = first.next(|server| load[server as usize] < 2).unwrap();
            load[chosen as usize] += 1;
            order.push(chosen);
        }
        assert_eq!(order, [0, 0, 1, 1, 2, 2]);
        load[0] = 1;
        first.released(0);
        assert_eq!(first.next(|server| load[server as usize] < 2), Some(0));
        assert_eq!(first.next(|_| false), None);
        load = [2, 2, 2, 2];
        assert_eq!(first.next(|server| load[server as usize] < 2), None);
        load[1] = 0;
        assert_eq!(first.next(|server| load[server as usize] < 2), Some(1), "seen without a word");
    }
}
