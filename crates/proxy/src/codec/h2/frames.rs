//! Walks over the frames of one direction of a connection without touching them (RFC 9113 §4.1).
//!
//! The h2 crate speaks the protocol; this sees what it does not tell: how many frames of which
//! kind a peer makes us handle, and how much of what we have written has left.

use std::ops::ControlFlow;

/// Bytes of a frame head.
const HEAD_BYTES: usize = 9;

/// Bytes of a payload that are shown at the most: enough for a priority update, and for the
/// settings that clients begin with.
const SHOWN_MAX: usize = 48;

/// The client's connection preface (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frame that mean something here.
pub(super) mod kind {
    pub(in crate::codec::h2) const DATA: u8 = 0;
    pub(in crate::codec::h2) const HEADERS: u8 = 1;
    pub(in crate::codec::h2) const PRIORITY: u8 = 2;
    pub(in crate::codec::h2) const RST_STREAM: u8 = 3;
    pub(in crate::codec::h2) const SETTINGS: u8 = 4;
    pub(in crate::codec::h2) const PING: u8 = 6;
    pub(in crate::codec::h2) const GOAWAY: u8 = 7;
    pub(in crate::codec::h2) const WINDOW_UPDATE: u8 = 8;
    pub(in crate::codec::h2) const CONTINUATION: u8 = 9;
    pub(in crate::codec::h2) const PRIORITY_UPDATE: u8 = 16;
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Bytes of payload.
    pub(super) length: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Frame {
    fn read(head: [u8; HEAD_BYTES]) -> Self {
        let [a, b, c, kind, flags, s0, s1, s2, s3] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let stream = u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff;
        Self { length, kind, flags, stream }
    }

    /// END_STREAM, of DATA and HEADERS; ACK, of SETTINGS and PING.
    pub(super) fn has_first_flag(self) -> bool {
        self.flags & 1 != 0
    }

    /// END_HEADERS, of HEADERS and CONTINUATION.
    pub(super) fn ends_headers(self) -> bool {
        self.flags & 4 != 0
    }

    /// PADDED, of DATA and HEADERS.
    pub(super) fn is_padded(self) -> bool {
        self.flags & 8 != 0
    }

    /// PRIORITY, of HEADERS.
    pub(super) fn has_priority(self) -> bool {
        self.flags & 0x20 != 0
    }

    /// Whether its sender adds nothing to its stream after it.
    pub(super) fn ends_stream(self) -> bool {
        match self.kind {
            kind::DATA | kind::HEADERS => self.has_first_flag(),
            kind => kind == kind::RST_STREAM,
        }
    }

    /// How much payload of this frame is worth showing.
    fn shown(self) -> usize {
        let wanted = match self.kind {
            kind::WINDOW_UPDATE | kind::RST_STREAM | kind::PRIORITY => 4,
            kind::HEADERS if self.has_priority() => 5,
            kind::PRIORITY_UPDATE | kind::SETTINGS => SHOWN_MAX,
            _ => 0,
        };
        wanted.min(self.length as usize)
    }
}

/// Where a walk stands.
#[derive(Debug)]
pub(super) struct Walker {
    /// Bytes until the next frame begins, or until the shown part of the payload.
    skip: usize,
    head: [u8; HEAD_BYTES],
    head_len: usize,
    /// The frame whose payload is being collected.
    frame: Option<Frame>,
    shown: [u8; SHOWN_MAX],
    shown_len: usize,
    last_kind: u8,
}

impl Walker {
    /// A walk that begins after `skip` bytes that are no frames.
    pub(super) fn new(skip: usize) -> Self {
        Self {
            skip,
            head: [0; HEAD_BYTES],
            head_len: 0,
            frame: None,
            shown: [0; SHOWN_MAX],
            shown_len: 0,
            last_kind: kind::SETTINGS,
        }
    }

    /// Whether the walk stands inside a frame that is no content: its sender holds us up.
    pub(super) fn is_inside(&self) -> bool {
        let in_payload = self.skip > 0 && self.last_kind != kind::DATA;
        self.head_len > 0 || self.frame.is_some() || in_payload
    }

    /// Walks over `bytes`; each frame is told once, as soon as enough of it is there. Returns how
    /// many of the bytes come before the frame at which `tell` broke off, or all.
    pub(super) fn walk(
        &mut self,
        bytes: &[u8],
        mut tell: impl FnMut(Frame, &[u8]) -> ControlFlow<()>,
    ) -> usize {
        let mut rest = bytes;
        let mut before_frame = 0;
        while !rest.is_empty() {
            if self.skip > 0 {
                let count = self.skip.min(rest.len());
                self.skip -= count;
                rest = rest.get(count..).unwrap_or_default();
                continue;
            }
            if !self.is_inside() {
                before_frame = bytes.len() - rest.len();
            }
            rest = match self.frame {
                None => self.collect_head(rest),
                Some(frame) => self.collect_payload(frame, rest),
            };
            if let Some(frame) = self.frame
                && self.shown_len == frame.shown()
            {
                let told = tell(frame, self.shown.get(..self.shown_len).unwrap_or_default());
                self.skip = frame.length as usize - self.shown_len;
                self.last_kind = frame.kind;
                self.frame = None;
                self.shown_len = 0;
                if told.is_break() {
                    return before_frame;
                }
            }
        }
        bytes.len()
    }

    fn collect_head<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let room = self.head.get_mut(self.head_len..).unwrap_or_default();
        let rest = fill(room, bytes);
        self.head_len += bytes.len() - rest.len();
        if self.head_len == HEAD_BYTES {
            self.head_len = 0;
            self.frame = Some(Frame::read(self.head));
        }
        rest
    }

    fn collect_payload<'b>(&mut self, frame: Frame, bytes: &'b [u8]) -> &'b [u8] {
        let room = self.shown.get_mut(self.shown_len..frame.shown()).unwrap_or_default();
        let rest = fill(room, bytes);
        self.shown_len += bytes.len() - rest.len();
        rest
    }
}

/// Copies what fits and returns the rest.
fn fill<'b>(room: &mut [u8], bytes: &'b [u8]) -> &'b [u8] {
    let count = room.len().min(bytes.len());
    let (taken, rest) = bytes.split_at(count);
    if let Some(room) = room.get_mut(..count) {
        room.copy_from_slice(taken);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn frames_are_told_however_they_are_cut() {
        let mut bytes = PREFACE.to_vec();
        bytes.extend(frame(kind::SETTINGS, 0, 0, &[0; 12]));
        bytes.extend(frame(kind::DATA, 1, 3, &[7; 300]));
        bytes.extend(frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]));
        bytes.extend(frame(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x03u=1"));
        bytes.extend(frame(kind::RST_STREAM, 0, 5, &[0, 0, 0, 8]));
        for size in 1..40 {
            let mut walker = Walker::new(PREFACE.len());
            let mut told = Vec::new();
            for piece in bytes.chunks(size) {
                walker.walk(piece, |frame, shown| {
                    told.push((frame, shown.to_vec()));
                    ControlFlow::Continue(())
                });
            }
            assert!(!walker.is_inside());
            let kinds: Vec<u8> = told.iter().map(|(frame, _)| frame.kind).collect();
            assert_eq!(kinds, [4, 0, 8, 16, 3]);
            assert_eq!((told[1].0.length, told[1].0.stream), (300, 3));
            assert!(told[1].0.has_first_flag());
            assert_eq!(told[2].1, [0, 0, 1, 0]);
            assert_eq!(told[3].1, b"\0\0\0\x03u=1");
        }
    }

    #[test]
    fn a_walk_breaks_off_before_the_frame() {
        let mut bytes = frame(kind::PING, 0, 0, &[0; 8]);
        bytes.extend(frame(kind::RST_STREAM, 0, 5, &[0, 0, 0, 8]));
        let stop = |frame: Frame, _: &[u8]| match frame.kind {
            kind::RST_STREAM => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        assert_eq!(Walker::new(0).walk(&bytes, stop), 17);
        let mut walker = Walker::new(0);
        assert_eq!(walker.walk(&bytes[..20], stop), 20);
        assert_eq!(walker.walk(&bytes[20..], stop), 0, "the frame began before");
    }

    #[test]
    fn a_frame_that_is_cut_short_is_told_once_its_shown_part_is_there() {
        let mut walker = Walker::new(0);
        let mut told = 0;
        walker.walk(&frame(kind::HEADERS, 4, 1, &[0; 50])[..20], |_, _| {
            told += 1;
            ControlFlow::Continue(())
        });
        assert_eq!(told, 1);
        assert!(walker.is_inside());
        walker.walk(&[0; 3], |_, _| {
            told += 1;
            ControlFlow::Continue(())
        });
        assert_eq!(told, 1);
    }
}
