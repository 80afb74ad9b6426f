//! Objects by number, for caches to keep. Size and validator follow from the number alone, so
//! both ends know them without a table.

use std::fmt;

/// One object of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is like.
    pub family: Family,
    /// Which one.
    pub number: u64,
}

/// What objects are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Sizes as they are met with, fresh for a day: `/o/NUMBER`.
    Spread,
    /// All of one size, fresh for a day: `/f/BYTES/NUMBER`.
    Fixed(u64),
    /// All of one size, fresh for one second: `/v/BYTES/NUMBER`. That is the shortest time that
    /// every cache keeps anything for.
    Brief(u64),
}

/// The middle one of the sizes of `Family::Spread`; their mean is about three times that.
const MEDIAN_BYTES: f64 = 1_500.0;
/// How wide they spread: the standard deviation of the size's logarithm.
const SIGMA: f64 = 1.5;
const SPREAD_BYTES_MIN: f64 = 64.0;
const SPREAD_BYTES_MAX: f64 = 1_048_576.0;

impl Object {
    /// The object that a request target names.
    #[must_use]
    pub fn named(target: &str) -> Option<Self> {
        let mut parts = target.strip_prefix('/')?.split('/');
        let letter = parts.next()?;
        let mut figure = || parts.next()?.parse::<u64>().ok();
        let family = match letter {
            "o" => Family::Spread,
            "f" => Family::Fixed(figure()?),
            "v" => Family::Brief(figure()?),
            _ => return None,
        };
        let number = figure()?;
        parts.next().is_none().then_some(Self { family, number })
    }

    /// How long its body is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self.family {
            Family::Fixed(bytes) | Family::Brief(bytes) => bytes,
            Family::Spread => {
                let size = MEDIAN_BYTES * (SIGMA * normal(self.number)).exp();
                size.clamp(SPREAD_BYTES_MIN, SPREAD_BYTES_MAX) as u64
            }
        }
    }

    /// For how long it is fresh, in seconds.
    #[must_use]
    pub fn fresh_s(&self) -> u32 {
        match self.family {
            Family::Spread | Family::Fixed(_) => 86_400,
            Family::Brief(_) => 1,
        }
    }

    /// Its entity tag.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("\"{:x}-{:x}\"", self.number, self.bytes())
    }
}

/// The request target.
impl fmt::Display for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number;
        match self.family {
            Family::Spread => write!(out, "/o/{number}"),
            Family::Fixed(bytes) => write!(out, "/f/{bytes}/{number}"),
            Family::Brief(bytes) => write!(out, "/v/{bytes}/{number}"),
        }
    }
}

/// A fixed number from 0 to 1, the end left out, that looks like chance (SplitMix64).
#[must_use]
pub fn chance(number: u64) -> f64 {
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// A fixed draw from the normal distribution (Box and Muller).
fn normal(number: u64) -> f64 {
    let (one, other) = (chance(number * 2), chance(number * 2 + 1));
    (-2.0 * (1.0 - one).ln()).sqrt() * (std::f64::consts::TAU * other).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_the_object_that_names_it() {
        let families = [Family::Spread, Family::Fixed(1024), Family::Brief(16)];
        for family in families {
            let object = Object { family, number: 77 };
            assert_eq!(Object::named(&object.to_string()), Some(object));
        }
        for other in ["/small", "/o/", "/o/x", "/o/1/2", "/f/1", "/f/1/2/3", "o/1", ""] {
            assert_eq!(Object::named(other), None, "{other}");
        }
    }

    #[test]
    fn sizes_are_the_same_each_time_and_spread_about_their_median() {
        let sizes = || (0..100_000).map(|number| Object { family: Family::Spread, number }.bytes());
        assert!(sizes().eq(sizes()));
        let mean = sizes().sum::<u64>() as f64 / 100_000.0;
        assert!((4_000.0..5_200.0).contains(&mean), "mean {mean}");
        let below = sizes().filter(|bytes| *bytes < 1_500).count();
        assert!((49_000..51_000).contains(&below), "{below} below the median");
        assert!(sizes().all(|bytes| (64..=1_048_576).contains(&bytes)));
        let large = sizes().filter(|bytes| *bytes > 100_000).count();
        assert!(large > 100, "{large} large ones");
    }

    #[test]
    fn chance_is_even() {
        let below = (0..100_000).filter(|number| chance(*number) < 0.25).count();
        assert!((24_500..25_500).contains(&below), "{below}");
    }

    #[test]
    fn tags_tell_objects_apart() {
        let tag = |number| Object { family: Family::Fixed(16), number }.tag();
        assert_eq!(tag(10), "\"a-10\"");
        assert_ne!(tag(10), tag(11));
    }
}
