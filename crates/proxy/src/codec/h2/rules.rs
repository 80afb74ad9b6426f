//! What RFC 9113 and 9218 ask of a client's frames, where the h2 crate does not look or answers
//! with another code. A frame that breaks a rule is not shown to the crate: the connection ends
//! with the code that the RFC names.

use h2::Reason;
use hashbrown::HashSet;

use super::frames::{Frame, kind};

/// Streams remembered at the most. Ids that are left behind by streams that ended early go with
/// the others, and then only the code of an error is less exact.
const ANSWERING_MAX: usize = 4096;

const INITIAL_WINDOW_SIZE: u16 = 4;
const NO_RFC7540_PRIORITIES: u16 = 9;

/// The largest window (RFC 9113 §6.9.1).
const WINDOW_MAX: u32 = 0x7fff_ffff;

/// What is known of the client of one connection.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Its settings have come, which go first.
    begun: bool,
    /// A field block has begun and not ended: nothing may come between (§4.3).
    in_block: bool,
    /// Streams whose request is whole and whose response is not.
    answering: HashSet<u32, foldhash::fast::RandomState>,
}

impl Rules {
    /// Looks at a frame of the client's and as much of its payload as is shown.
    ///
    /// # Errors
    /// The code that the connection ends with.
    pub(super) fn check(&mut self, frame: Frame, shown: &[u8]) -> Result<(), Reason> {
        if !self.begun && (frame.kind != kind::SETTINGS || frame.has_first_flag()) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.begun = true;
        if self.in_block && frame.kind != kind::CONTINUATION {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if matches!(frame.kind, kind::HEADERS | kind::CONTINUATION) {
            self.in_block = !frame.ends_headers();
        }
        if !has_length_of_its_kind(frame) {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        match frame.kind {
            kind::DATA | kind::HEADERS if self.answering.contains(&frame.stream) => {
                Err(Reason::STREAM_CLOSED)
            }
            kind::HEADERS | kind::PRIORITY if depends_on_itself(frame, shown) => {
                Err(Reason::PROTOCOL_ERROR)
            }
            kind::SETTINGS => check_settings(shown),
            kind::PRIORITY_UPDATE => check_priority_update(frame, shown),
            kind::DATA | kind::HEADERS if frame.has_first_flag() => {
                self.expect_answer(frame.stream);
                Ok(())
            }
            kind::RST_STREAM => {
                self.answered(frame.stream);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A stream is over, for us at least.
    pub(super) fn answered(&mut self, stream: u32) {
        self.answering.remove(&stream);
    }

    fn expect_answer(&mut self, stream: u32) {
        if self.answering.len() >= ANSWERING_MAX {
            self.answering.clear();
        }
        self.answering.insert(stream);
    }
}

/// Whether a frame is as long as its kind always is (RFC 9113 §4.2).
fn has_length_of_its_kind(frame: Frame) -> bool {
    let length = frame.length;
    match frame.kind {
        kind::HEADERS if frame.has_priority() => length >= 5 + u32::from(frame.is_padded()),
        kind::PRIORITY => length == 5,
        kind::RST_STREAM | kind::WINDOW_UPDATE => length == 4,
        kind::SETTINGS if frame.has_first_flag() => length == 0,
        kind::SETTINGS => length.is_multiple_of(6),
        kind::PING => length == 8,
        kind::GOAWAY => length >= 8,
        kind::PRIORITY_UPDATE => length >= 4,
        _ => true,
    }
}

/// A block of such a stream is not decoded by the crate, which leaves the table of field
/// compression behind the client's: a later request would be read with the fields of another.
fn depends_on_itself(frame: Frame, shown: &[u8]) -> bool {
    let on = match frame.kind {
        kind::PRIORITY => shown.get(..4),
        _ if !frame.has_priority() => None,
        _ if frame.is_padded() => shown.get(1..5),
        _ => shown.get(..4),
    };
    on.is_some_and(|on| id(on) == frame.stream)
}

fn check_settings(shown: &[u8]) -> Result<(), Reason> {
    for setting in shown.chunks_exact(6) {
        let (key, value) = setting.split_at(2);
        let key = key.first_chunk().map_or(0, |key| u16::from_be_bytes(*key));
        let value = value.first_chunk().map_or(0, |value| u32::from_be_bytes(*value));
        match key {
            INITIAL_WINDOW_SIZE if value > WINDOW_MAX => return Err(Reason::FLOW_CONTROL_ERROR),
            NO_RFC7540_PRIORITIES if value > 1 => return Err(Reason::PROTOCOL_ERROR),
            _ => {}
        }
    }
    Ok(())
}

/// RFC 9218 §7.1. Pushed streams, which are even, do not exist here.
fn check_priority_update(frame: Frame, shown: &[u8]) -> Result<(), Reason> {
    let is_request = shown.get(..4).is_some_and(|stream| id(stream) % 2 == 1);
    if frame.stream == 0 && is_request { Ok(()) } else { Err(Reason::PROTOCOL_ERROR) }
}

/// A stream id, without the bit before it.
fn id(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes) & 0x7fff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, length: u32) -> Frame {
        Frame { length, kind, flags, stream }
    }

    fn begun() -> Rules {
        let mut rules = Rules::default();
        rules.check(frame(kind::SETTINGS, 0, 0, 0), b"").unwrap();
        rules
    }

    #[test]
    fn settings_go_first() {
        for (kind, flags) in [(kind::HEADERS, 5), (kind::PING, 0), (kind::SETTINGS, 1)] {
            let got = Rules::default().check(frame(kind, flags, 0, 8), b"");
            assert_eq!(got, Err(Reason::PROTOCOL_ERROR));
        }
    }

    #[test]
    fn lengths_are_those_of_the_kind() {
        for (kind, flags, length, good) in [
            (kind::PING, 0, 8, true),
            (kind::PING, 0, 7, false),
            (kind::GOAWAY, 0, 20, true),
            (kind::GOAWAY, 0, 7, false),
            (kind::SETTINGS, 0, 12, true),
            (kind::SETTINGS, 0, 11, false),
            (kind::SETTINGS, 1, 6, false),
            (kind::RST_STREAM, 0, 3, false),
            (kind::WINDOW_UPDATE, 0, 5, false),
            (kind::PRIORITY, 0, 4, false),
            (kind::HEADERS, 0x25, 4, false),
            (kind::HEADERS, 0x2d, 5, false),
            (kind::HEADERS, 0x05, 0, true),
        ] {
            let got = begun().check(frame(kind, flags, 1, length), b"");
            assert_eq!(got == Err(Reason::FRAME_SIZE_ERROR), !good, "{kind} of {length}");
        }
    }

    #[test]
    fn a_whole_request_is_followed_by_nothing_until_it_is_answered() {
        let mut rules = begun();
        assert_eq!(rules.check(frame(kind::HEADERS, 4, 1, 9), b""), Ok(()));
        assert_eq!(rules.check(frame(kind::DATA, 1, 1, 9), b""), Ok(()));
        for kind in [kind::DATA, kind::HEADERS] {
            assert_eq!(rules.check(frame(kind, 5, 1, 9), b""), Err(Reason::STREAM_CLOSED));
        }
        rules.answered(1);
        assert_eq!(rules.check(frame(kind::DATA, 1, 1, 9), b""), Ok(()));
    }

    #[test]
    fn nothing_comes_between_the_frames_of_a_block() {
        let mut rules = begun();
        assert_eq!(rules.check(frame(kind::HEADERS, 1, 1, 9), b""), Ok(()));
        assert_eq!(rules.check(frame(kind::CONTINUATION, 0, 1, 9), b""), Ok(()));
        let between = rules.check(frame(kind::DATA, 0, 1, 9), b"");
        assert_eq!(between, Err(Reason::PROTOCOL_ERROR));
        assert_eq!(rules.check(frame(kind::CONTINUATION, 4, 1, 9), b""), Ok(()));
        assert_eq!(rules.check(frame(kind::PING, 0, 0, 8), b""), Ok(()));
    }

    #[test]
    fn streams_that_nobody_ends_are_forgotten_some_time() {
        let mut rules = begun();
        for stream in 0..3 * ANSWERING_MAX as u32 {
            assert_eq!(rules.check(frame(kind::HEADERS, 5, 2 * stream + 1, 9), b""), Ok(()));
            assert!(rules.answering.len() <= ANSWERING_MAX);
        }
    }

    #[test]
    fn no_stream_depends_on_itself() {
        let on = |flags, shown: &[u8]| begun().check(frame(kind::HEADERS, flags, 3, 20), shown);
        assert_eq!(on(0x24, &[0x80, 0, 0, 3, 9]), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(on(0x2c, &[7, 0, 0, 0, 3]), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(on(0x24, &[0, 0, 0, 5, 9]), Ok(()));
        assert_eq!(on(0x04, &[0, 0, 0, 3, 9]), Ok(()));
        let priority = begun().check(frame(kind::PRIORITY, 0, 3, 5), &[0, 0, 0, 3]);
        assert_eq!(priority, Err(Reason::PROTOCOL_ERROR));
    }

    #[test]
    fn settings_have_values_that_can_be() {
        let set =
            |shown: &[u8]| begun().check(frame(kind::SETTINGS, 0, 0, shown.len() as u32), shown);
        assert_eq!(set(&[0, 1, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff]), Ok(()));
        assert_eq!(set(&[0, 4, 0x80, 0, 0, 0]), Err(Reason::FLOW_CONTROL_ERROR));
        assert_eq!(set(&[0, 9, 0, 0, 0, 2]), Err(Reason::PROTOCOL_ERROR));
    }

    #[test]
    fn priority_updates_are_of_requests() {
        let update = |stream, length, shown: &[u8]| {
            begun().check(frame(kind::PRIORITY_UPDATE, 0, stream, length), shown)
        };
        assert_eq!(update(0, 7, b"\0\0\0\x01u=1"), Ok(()));
        assert_eq!(update(1, 7, b"\0\0\0\x01u=1"), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(update(0, 7, b"\0\0\0\x02u=1"), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(update(0, 4, b"\0\0\0\0"), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(update(0, 3, b"\0\0\0"), Err(Reason::FRAME_SIZE_ERROR));
    }
}
