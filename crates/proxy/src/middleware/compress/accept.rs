//! What a client accepts: `Accept-Encoding` with its weights (RFC 9110 §12.5.3).

use config::Coding;

/// Weights in thousandths; `None` is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Weights {
    zstd: Option<u16>,
    br: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    /// `*`: all that is not named.
    others: Option<u16>,
}

/// The coding that a client likes best, of those that may be used. What it likes equally goes by
/// `preference`. `None` is no coding: it accepts none, or likes none better than identity.
pub(super) fn choose<'a>(
    values: impl Iterator<Item = &'a [u8]>,
    preference: &[Coding],
) -> Option<Coding> {
    let mut weights = Weights::default();
    for element in values.flat_map(|value| value.split(|byte| *byte == b',')) {
        weights.read(element);
    }
    let mut best: Option<(Coding, u16)> = None;
    for coding in preference {
        let weight = weights.of(*coding);
        if weight > best.map_or(0, |(_, weight)| weight) {
            best = Some((*coding, weight));
        }
    }
    // What is not said of identity makes it acceptable, but not liked.
    let (coding, weight) = best?;
    (weight >= weights.identity.unwrap_or(0)).then_some(coding)
}

impl Weights {
    /// One element of the list. What is not well formed is not there.
    fn read(&mut self, element: &[u8]) {
        let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        let weight = match (parts.next(), parts.next()) {
            (None, _) => Some(1000),
            (Some(parameter), None) => weight(parameter),
            (Some(_), Some(_)) => None,
        };
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        let place = if is(b"zstd") {
            &mut self.zstd
        } else if is(b"br") {
            &mut self.br
        } else if is(b"gzip") || is(b"x-gzip") {
            &mut self.gzip
        } else if is(b"identity") {
            &mut self.identity
        } else if is(b"*") {
            &mut self.others
        } else {
            return;
        };
        if weight.is_some() {
            *place = weight;
        }
    }

    fn of(&self, coding: Coding) -> u16 {
        let named = match coding {
            Coding::Zstd => self.zstd,
            Coding::Brotli => self.br,
            Coding::Gzip => self.gzip,
        };
        named.or(self.others).unwrap_or(0)
    }
}

/// `q=0.5` in thousandths: up to three digits after the point, and at most one
/// (RFC 9110 §12.4.2).
fn weight(parameter: &[u8]) -> Option<u16> {
    let (name, value) = (parameter.get(..2)?, parameter.get(2..)?);
    if !name.eq_ignore_ascii_case(b"q=") {
        return None;
    }
    let (whole, rest) = value.split_first()?;
    let digits = match rest {
        [] => rest,
        [b'.', digits @ ..] if digits.len() <= 3 => digits,
        _ => return None,
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |at: usize| digits.get(at).map_or(0, |byte| u16::from(byte - b'0'));
    let thousandths = digit(0) * 100 + digit(1) * 10 + digit(2);
    match whole {
        b'0' => Some(thousandths),
        b'1' if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chosen(field: &str) -> &'static str {
        choose([field.as_bytes()].into_iter(), &Coding::ALL).map_or("identity", Coding::name)
    }

    #[test]
    fn what_browsers_and_tools_send() {
        assert_eq!(chosen("gzip, deflate, br, zstd"), "zstd");
        assert_eq!(chosen("gzip, deflate, br"), "br");
        assert_eq!(chosen("gzip,deflate"), "gzip");
        assert_eq!(chosen("x-gzip"), "gzip");
        for none in ["", "identity", "deflate", "compress;q=1", "gzipx"] {
            assert_eq!(chosen(none), "identity", "{none}");
        }
        assert_eq!(choose(std::iter::empty(), &Coding::ALL), None, "no field");
    }

    #[test]
    fn weights_go_before_our_preference() {
        assert_eq!(chosen("zstd;q=0.5, br;q=0.8, gzip;q=0.8"), "br");
        assert_eq!(chosen("zstd;q=0, br;Q=0.001"), "br");
        assert_eq!(chosen("ZSTD ; q=0.2 , GZip ;q=1.000"), "gzip");
        let preference = [Coding::Gzip, Coding::Brotli];
        let own = choose([&b"zstd, br, gzip"[..]].into_iter(), &preference);
        assert_eq!(own, Some(Coding::Gzip));
    }

    #[test]
    fn a_star_is_all_that_is_not_named() {
        assert_eq!(chosen("*"), "zstd");
        assert_eq!(chosen("zstd;q=0, *"), "br");
        assert_eq!(chosen("gzip, *;q=0"), "gzip");
        assert_eq!(chosen("*;q=0"), "identity");
        assert_eq!(chosen("gzip;q=0.3, *;q=0.5"), "zstd");
    }

    #[test]
    fn identity_that_is_liked_better_wins() {
        assert_eq!(chosen("identity;q=1, gzip;q=0.5"), "identity");
        assert_eq!(chosen("identity;q=0.5, gzip;q=0.5"), "gzip");
        assert_eq!(chosen("identity;q=0, gzip;q=0.1"), "gzip");
    }

    #[test]
    fn malformed_elements_are_not_there() {
        for bad in ["q=2", "q=1.1", "q=0.1234", "q=", "q", "q=.5", "q=a", "level=1", "q=1;x=1"] {
            assert_eq!(chosen(&format!("zstd;{bad}, gzip")), "gzip", "{bad}");
        }
        assert_eq!(chosen("gzip;q=1."), "gzip");
    }

    #[test]
    fn several_fields_are_one_list() {
        let values = [&b"gzip;q=0.5"[..], b"br"];
        assert_eq!(choose(values.into_iter(), &Coding::ALL), Some(Coding::Brotli));
    }

    fn elements() -> impl Strategy<Value = Vec<(usize, u16)>> {
        proptest::collection::vec((0_usize..4, 0_u16..=10), 0..4)
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(field in proptest::collection::vec(any::<u8>(), 0..64)) {
            choose([&field[..]].into_iter(), &Coding::ALL);
        }

        /// Against the rule itself: the best weight above zero, and no order but our own.
        #[test]
        fn the_best_weight_wins_in_any_order(mut elements in elements()) {
            elements.sort_unstable();
            elements.dedup_by_key(|(name, _)| *name);
            let names = ["zstd", "br", "gzip", "identity"];
            let write = |list: &[(usize, u16)]| {
                let text = |(name, tenths): &(usize, u16)| {
                    format!("{};q={}.{}", names[*name], tenths / 10, tenths % 10)
                };
                list.iter().map(text).collect::<Vec<_>>().join(",")
            };
            let of = |at: usize| elements.iter().find(|one| one.0 == at).map_or(0, |one| one.1);
            let best = (0..3).max_by_key(|at| (of(*at), 3 - at)).unwrap();
            let is_identity = of(best) == 0 || of(3) > of(best);
            let expected = if is_identity { "identity" } else { names[best] };
            prop_assert_eq!(chosen(&write(&elements)), expected);
            elements.reverse();
            prop_assert_eq!(chosen(&write(&elements)), expected);
        }
    }
}
