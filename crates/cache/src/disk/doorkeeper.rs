//! Who may come in: most keys are asked for once and never again, and are not worth a write. Two
//! generations of Bloom filters remember the keys of a window.

use super::digest::Digest;

const BITS_PER_KEY: usize = 8;
const PROBES: u32 = 4;
/// Two filters of the longest size take 256 MiB.
const KEYS_MAX: usize = 1 << 27;

#[derive(Debug)]
pub(super) struct Doorkeeper {
    current: Vec<u64>,
    previous: Vec<u64>,
    keys: usize,
    keys_max: usize,
}

impl Doorkeeper {
    pub(super) fn new(keys_max: usize) -> Self {
        let keys_max = keys_max.clamp(1, KEYS_MAX).next_power_of_two();
        let words = (keys_max * BITS_PER_KEY).div_ceil(64);
        Self { current: vec![0; words], previous: vec![0; words], keys: 0, keys_max }
    }

    /// Whether the key was seen before in this window or the last; it is from now on.
    pub(super) fn admits(&mut self, digest: Digest) -> bool {
        let bits = self.current.len() as u64 * 64;
        let (low, high) = (digest.0 as u64, (digest.0 >> 64) as u64);
        let probe = |number| low.wrapping_add(u64::from(number).wrapping_mul(high | 1)) % bits;
        let (mut in_current, mut in_previous) = (true, true);
        for bit in (0..PROBES).map(probe) {
            let (word, mask) = (usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64));
            in_previous &= self.previous.get(word).is_some_and(|word| word & mask != 0);
            if let Some(word) = self.current.get_mut(word) {
                in_current &= *word & mask != 0;
                *word |= mask;
            }
        }
        if !in_current {
            self.keys += 1;
            if self.keys == self.keys_max {
                self.turn();
            }
        }
        in_current || in_previous
    }

    /// Forgets the keys of the window before.
    fn turn(&mut self) {
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.fill(0);
        self.keys = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(key: u32) -> Digest {
        Digest::of(&[3; 16], &key.to_le_bytes())
    }

    #[test]
    fn a_key_comes_in_when_it_comes_again() {
        let mut door = Doorkeeper::new(1024);
        let early = (0..1000).filter(|key| door.admits(digest(*key))).count();
        assert!(early < 50, "{early} of 1000 were taken for others");
        assert!((0..1000).all(|key| door.admits(digest(key))));
    }

    #[test]
    fn a_key_is_forgotten_after_two_windows() {
        let mut door = Doorkeeper::new(1024);
        assert!(!door.admits(digest(1)));
        (2..1100).for_each(|key| _ = door.admits(digest(key)));
        assert!(door.admits(digest(1)), "one window later");
        (2000..5000).for_each(|key| _ = door.admits(digest(key)));
        assert!(!door.admits(digest(1)));
    }
}
