//! The request id: kept from the client where it is sane, made otherwise.

use std::cell::Cell;

use config::RequestIdMode;

use crate::exchange::Exchange;
use crate::io::clock;

/// The longest id that is kept from a client, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// An id, kept inline.
#[derive(Clone, Copy, Debug)]
pub struct RequestId {
    bytes: [u8; ID_BYTES_MAX],
    len: u8,
}

impl Default for RequestId {
    fn default() -> Self {
        Self { bytes: [0; ID_BYTES_MAX], len: 0 }
    }
}

impl RequestId {
    /// A new id: 32 hexadecimal digits, unique with the odds of 128 random bits.
    #[must_use]
    pub fn make() -> Self {
        let mut id = Self::default();
        let random = [next_random(), next_random()];
        let octets = random.into_iter().flat_map(u64::to_be_bytes);
        for (digits, octet) in id.bytes.chunks_exact_mut(2).zip(octets) {
            digits.copy_from_slice(&[hex(octet >> 4), hex(octet & 0xf)]);
        }
        id.len = 32;
        id
    }

    /// The client's id, if it is short and made of visible characters that are safe in logs.
    #[must_use]
    pub fn keep(value: &[u8]) -> Option<Self> {
        let sane = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(byte);
        if value.is_empty() || value.len() > ID_BYTES_MAX || !value.iter().all(sane) {
            return None;
        }
        let mut id = Self::default();
        id.bytes.get_mut(..value.len())?.copy_from_slice(value);
        id.len = value.len() as u8;
        Some(id)
    }

    /// The id as text; empty where ids are off.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Gives the exchange its id; the field that carries it is written with the forwarding fields.
pub fn assign(exchange: &mut Exchange) {
    let policy = std::rc::Rc::clone(&exchange.snapshot);
    let policy = &policy.request_id;
    let name = policy.header.as_bytes();
    let kept = || exchange.request.headers.values_named(name).next().and_then(RequestId::keep);
    let id = match policy.mode {
        RequestIdMode::Off => return,
        RequestIdMode::Make => RequestId::make(),
        RequestIdMode::Keep => kept().unwrap_or_else(RequestId::make),
    };
    exchange.request_id = id;
}

thread_local! {
    static STATE: Cell<u64> = Cell::new(seed());
}

/// A seed that no other worker or process shares: the hasher's keys come from the system.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(clock::unix().as_nanos())
}

fn hex(nibble: u8) -> u8 {
    nibble + if nibble < 10 { b'0' } else { b'a' - 10 }
}

/// SplitMix64: ids need to be distinct, not secret.
fn next_random() -> u64 {
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_ids_differ_and_are_hexadecimal() {
        let (one, two) = (RequestId::make(), RequestId::make());
        assert_ne!(one.as_bytes(), two.as_bytes());
        assert!(one.as_bytes().iter().all(u8::is_ascii_hexdigit));
        assert_eq!(one.as_bytes().len(), 32);
    }

    #[test]
    fn only_sane_ids_are_kept() {
        assert_eq!(RequestId::keep(b"abc-123").unwrap().as_bytes(), b"abc-123");
        assert!(RequestId::keep(b"").is_none());
        assert!(RequestId::keep(b"a b").is_none());
        assert!(RequestId::keep(&[b'a'; ID_BYTES_MAX + 1]).is_none());
        assert!(RequestId::keep("é".as_bytes()).is_none());
    }
}
