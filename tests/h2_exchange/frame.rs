//! Frames of HTTP/2 by hand, as far as these tests need them. Field blocks that come are not read.

use testkit::Wire;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// `GET http://a.test/`: entries of the static table, and one literal.
pub const GET: &[u8] = b"\x82\x86\x84\x41\x06a.test";

/// `:status: 200`
pub const STATUS_200: &[u8] = b"\x88";

/// A frame that came.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl Frame {
    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & 1 != 0
    }
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// `:status` with this value, as a literal.
pub fn status(code: &str) -> Vec<u8> {
    let mut block = vec![0x08, u8::try_from(code.len()).expect("three digits")];
    block.extend(code.bytes());
    block
}

/// The next frame; `None` when the connection has ended.
pub fn read(wire: &mut Wire) -> Option<Frame> {
    let head = wire.read_exact(9).ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    wire.read_exact(length).ok()?;
    Some(Frame { kind: head[3], flags: head[4], stream })
}

/// The next frame that is one of `wanted`.
pub fn read_until(wire: &mut Wire, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
    loop {
        let frame = read(wire)?;
        if wanted(&frame) {
            return Some(frame);
        }
    }
}
