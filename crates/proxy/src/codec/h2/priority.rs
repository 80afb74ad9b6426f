//! How important a response is to the client (RFC 9218 §4).

/// Urgency and incrementality of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Priority {
    /// 0 is the most urgent, 7 the least.
    pub(super) urgency: u8,
    /// Parts of the response are of use by themselves.
    pub(super) incremental: bool,
}

impl Default for Priority {
    fn default() -> Self {
        Self { urgency: 3, incremental: false }
    }
}

impl Priority {
    /// Reads the dictionary of a `Priority` field. Members that are not understood are ignored.
    pub(super) fn read(field: &[u8]) -> Self {
        let mut priority = Self::default();
        for member in field.split(|byte| *byte == b',') {
            match member.trim_ascii() {
                [b'u', b'=', digit @ b'0'..=b'7'] => priority.urgency = digit - b'0',
                b"i" | b"i=?1" => priority.incremental = true,
                b"i=?0" => priority.incremental = false,
                _ => {}
            }
        }
        priority
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let read = |text: &str| {
            let Priority { urgency, incremental } = Priority::read(text.as_bytes());
            (urgency, incremental)
        };
        assert_eq!(read(""), (3, false));
        assert_eq!(read("u=0"), (0, false));
        assert_eq!(read("i, u=5"), (5, true));
        assert_eq!(read("u=7,i=?1"), (7, true));
        assert_eq!(read("u=9, i=2, x"), (3, false));
    }
}
