//! How many connections there may be, in all and from one client.

mod handshakes;
mod tally;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::fault::{Fault, Kind};
use crate::io::{Peer, clock};

use handshakes::Handshakes;
pub use tally::{Taken, Tally};

/// Shards of the per-client table: workers accept at the same time.
const SHARDS: usize = 16;

/// Open client connections over all workers.
#[derive(Debug, Default)]
pub struct Seats {
    open: AtomicU32,
    by_client: [Mutex<HashMap<IpAddr, u32>>; SHARDS],
    handshakes: Handshakes,
}

/// One open connection; dropped, it is counted no more.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    client: Option<IpAddr>,
}

impl Seats {
    /// Counts a new connection.
    ///
    /// # Errors
    /// When a limit is reached: 503 for the total, 429 for the client's own.
    pub fn take(
        self: &Arc<Self>,
        peer: Peer,
        max: u32,
        per_client_max: u32,
    ) -> Result<Seat, Fault> {
        if self.open.fetch_add(1, Relaxed) >= max {
            self.open.fetch_sub(1, Relaxed);
            return Err(Fault::proxy(Kind::ConnectionsExceeded));
        }
        let client = match peer {
            Peer::Tcp(address) => Some(client_key(address.ip().to_canonical())),
            Peer::Unix => None,
        };
        // From here on the seat gives back what it took, also when the client has too many.
        let mut seat = Seat { seats: Arc::clone(self), client: None };
        if let Some(client) = client {
            self.enter(client, per_client_max)?;
            seat.client = Some(client);
        }
        Ok(seat)
    }

    /// Counts a TLS handshake that is about to begin.
    ///
    /// # Errors
    /// When the client has begun `per_s_max` in this second.
    pub fn shake_hands(&self, peer: Peer, per_s_max: u32) -> Result<(), Fault> {
        let Peer::Tcp(address) = peer else { return Ok(()) };
        let client = client_key(address.ip().to_canonical());
        if self.handshakes.allow(client, per_s_max, clock::unix()) {
            Ok(())
        } else {
            Err(Fault::client(Kind::TlsHandshakesExceeded))
        }
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.open.load(Relaxed)
    }

    fn enter(&self, client: IpAddr, max: u32) -> Result<(), Fault> {
        let mut shard = self.shard(client).lock().unwrap_or_else(PoisonError::into_inner);
        let count = shard.entry(client).or_insert(0);
        if *count >= max {
            return Err(Fault::proxy(Kind::ClientConnectionsExceeded));
        }
        *count += 1;
        Ok(())
    }

    fn leave(&self, client: IpAddr) {
        let mut shard = self.shard(client).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = shard.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                shard.remove(&client);
            }
        }
    }

    fn shard(&self, client: IpAddr) -> &Mutex<HashMap<IpAddr, u32>> {
        let mixed = match client {
            IpAddr::V4(ip) => ip.octets()[3],
            IpAddr::V6(ip) => ip.octets()[7] ^ ip.octets()[15],
        };
        let [first, ..] = &self.by_client;
        self.by_client.get(usize::from(mixed) % SHARDS).unwrap_or(first)
    }
}

impl Seat {
    /// Counts the connection for this client instead of whom it was counted for.
    ///
    /// # Errors
    /// When the client has `max` already.
    pub fn assign(&mut self, client: IpAddr, max: u32) -> Result<(), Fault> {
        if let Some(before) = self.client.take() {
            self.seats.leave(before);
        }
        let client = client_key(client.to_canonical());
        self.seats.enter(client, max)?;
        self.client = Some(client);
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.open.fetch_sub(1, Relaxed);
        if let Some(client) = self.client {
            self.seats.leave(client);
        }
    }
}

/// One client is one IPv4 address or one IPv6 /64, which is what a single customer is given.
fn client_key(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(ip) => IpAddr::from((u128::from(ip) & !u128::from(u64::MAX)).to_be_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::Tcp(([192, 0, 2, last], 1).into())
    }

    #[test]
    fn the_total_is_bounded_and_given_back() {
        let seats = Arc::new(Seats::default());
        let first = seats.take(peer(1), 1, 9).unwrap();
        assert_eq!(seats.take(peer(2), 1, 9).unwrap_err().kind, Kind::ConnectionsExceeded);
        drop(first);
        assert!(seats.take(peer(2), 1, 9).is_ok());
        assert_eq!(seats.open(), 0);
    }

    #[test]
    fn one_client_is_bounded_by_itself() {
        let seats = Arc::new(Seats::default());
        let first = seats.take(peer(1), 9, 1).unwrap();
        let refused = seats.take(peer(1), 9, 1).unwrap_err();
        assert_eq!(refused.kind, Kind::ClientConnectionsExceeded);
        assert_eq!(seats.open(), 1);
        assert!(seats.take(peer(2), 9, 1).is_ok());
        drop(first);
        assert!(seats.take(peer(1), 9, 1).is_ok());
        assert!(seats.by_client.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }
}
