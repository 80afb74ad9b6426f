//! Keys as 128 bits. The hash is keyed by a seed that only this directory has, so nobody who
//! chooses keys can choose two with one digest, or bytes that pass for a record.

use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

/// The seed of one directory.
pub(super) type Seed = [u8; 16];

/// The digest of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub(super) u128);

/// What the index and the footers keep of a digest: enough to tell a trillion keys apart. Two that
/// are alike all the same cost one of the objects, since records have the whole key.
pub(super) type Short = [u32; 3];

impl Digest {
    /// The digest of these bytes.
    pub(super) fn of(seed: &Seed, key: &[u8]) -> Self {
        let mut hasher = SipHasher24::new_with_key(seed);
        hasher.write(key);
        Self(hasher.finish128().as_u128())
    }

    pub(super) fn short(self) -> Short {
        [self.0 as u32, (self.0 >> 32) as u32, (self.0 >> 64) as u32]
    }
}
