//! Hashes that stay the same over restarts, versions and machines: who hashes a key to a server
//! today must find the same server tomorrow.

/// Spreads every bit of a number over all of them (the finaliser of splitmix64).
#[must_use]
pub const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The hash of some bytes, eight at a time.
#[must_use]
pub fn stable(bytes: &[u8]) -> u64 {
    let mut hash = mix(bytes.len() as u64 ^ 0x5765_6972);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mix(hash ^ u64::from_le_bytes(*word));
    }
    let last = rest.iter().rev().fold(0, |last, byte| last << 8 | u64::from(*byte));
    if rest.is_empty() { hash } else { mix(hash ^ last) }
}

/// One hash of two.
#[must_use]
pub const fn pair(one: u64, other: u64) -> u64 {
    mix(one.rotate_left(29) ^ mix(other.wrapping_add(0x9e37_79b9_7f4a_7c15)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Changing these would move every key of every running cluster.
    #[test]
    fn hashes_never_change() {
        assert_eq!(stable(b""), 0xb196_3fd0_07d9_f552);
        assert_eq!(stable(b"10.0.0.1:8080"), 0xf4e9_d6a1_d590_d775);
        assert_ne!(pair(1, 2), pair(2, 1));
    }

    #[test]
    fn near_keys_lie_far_apart() {
        let hashes: HashSet<_> = (0..10_000).map(|n| stable(format!("k{n}").as_bytes())).collect();
        assert_eq!(hashes.len(), 10_000);
        let high = hashes.iter().filter(|hash| **hash > u64::MAX / 2).count();
        assert!((4_800..5_200).contains(&high), "{high}");
        assert_ne!(stable(b"a"), stable(b"a\0"));
        assert_ne!(stable(b"12345678"), stable(b"12345678\0"));
    }
}
