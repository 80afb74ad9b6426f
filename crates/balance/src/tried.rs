//! The servers one exchange has been to, so that a retry goes elsewhere.

use crate::ServerIndex;

/// How many servers are remembered; from then on the oldest is forgotten, and may be tried again.
pub const TRIED_MAX: usize = 8;

/// The servers that an exchange has already tried. Lives on the stack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried {
    servers: [Option<ServerIndex>; TRIED_MAX],
    next: usize,
}

impl Tried {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { servers: [None; TRIED_MAX], next: 0 }
    }

    /// Remembers a server.
    pub fn add(&mut self, server: ServerIndex) {
        if let Some(slot) = self.servers.get_mut(self.next % TRIED_MAX) {
            *slot = Some(server);
        }
        self.next = (self.next + 1) % TRIED_MAX;
    }

    /// Whether a server was tried.
    #[must_use]
    pub fn contains(&self, server: ServerIndex) -> bool {
        self.servers.contains(&Some(server))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_last_eight() {
        let mut tried = Tried::new();
        assert!(!tried.contains(ServerIndex(0)));
        for server in 0..=8 {
            tried.add(ServerIndex(server));
        }
        let remembered: Vec<bool> =
            (0..=9).map(|server| tried.contains(ServerIndex(server))).collect();
        assert_eq!(remembered[..3], [false, true, true]);
        assert_eq!(remembered[8..], [true, false]);
    }
}
