//! What a request is known by: the hash that leads the same client, path or cookie to the same
//! server each time.

use std::net::IpAddr;

use balance::hash;
use config::HashKey;

use crate::exchange::Exchange;
use crate::parts;

/// The hash of an exchange's key; `None` where the request has no such part.
#[must_use]
pub(crate) fn of(exchange: &Exchange, key: &HashKey) -> Option<u64> {
    let head = &exchange.request;
    match key {
        HashKey::ClientIp { v4_bits, v6_bits } => {
            Some(network(exchange.client.address, *v4_bits, *v6_bits))
        }
        HashKey::Path => Some(hash::stable(exchange.path())),
        HashKey::Uri => Some(hash::stable(exchange.target_received())),
        HashKey::Host => {
            let host = http1::host_of(head.host());
            // Hosts are compared without regard to case.
            host.is_ascii().then(|| hash::stable(&host.to_ascii_lowercase()))
        }
        HashKey::Header(name) => {
            head.headers.values_named(name.as_bytes()).next().map(hash::stable)
        }
        HashKey::Cookie(name) => parts::cookie(&head.headers, name.as_bytes()).map(hash::stable),
        HashKey::Query(name) => parts::parameter(head.query()?, name.as_bytes()).map(hash::stable),
    }
}

/// The hash of a client's address, for what has no request; `None` for every other key.
#[must_use]
pub(crate) fn of_address(address: IpAddr, key: &HashKey) -> Option<u64> {
    match key {
        HashKey::ClientIp { v4_bits, v6_bits } => Some(network(address, *v4_bits, *v6_bits)),
        _ => None,
    }
}

/// The hash of the network that an address is in.
fn network(address: IpAddr, v4_bits: u8, v6_bits: u8) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let kept = u32::MAX.checked_shl(32 - u32::from(v4_bits.min(32))).unwrap_or(0);
            hash::stable(&(address.to_bits() & kept).to_be_bytes())
        }
        IpAddr::V6(address) => {
            let kept = u128::MAX.checked_shl(128 - u32::from(v6_bits.min(128))).unwrap_or(0);
            hash::stable(&(address.to_bits() & kept).to_be_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_one_network_have_one_key() {
        let of = |text: &str, v4, v6| network(text.parse().unwrap(), v4, v6);
        assert_eq!(of("192.0.2.1", 24, 64), of("192.0.2.200", 24, 64));
        assert_ne!(of("192.0.2.1", 32, 64), of("192.0.2.200", 32, 64));
        assert_eq!(of("::ffff:192.0.2.1", 32, 64), of("192.0.2.1", 32, 64));
        assert_eq!(of("2001:db8::1", 32, 64), of("2001:db8::2:1", 32, 64));
        assert_ne!(of("2001:db8::1", 32, 128), of("2001:db8::2", 32, 128));
    }
}
