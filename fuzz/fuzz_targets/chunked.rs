//! Chunked bodies: cuts change neither the data nor the outcome, and a body that we accept means
//! the same to a decoder that is written in the simplest way.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_http1::{BodyDecoder, BodyLength, Refusal};

fuzz_target!(|input: &[u8]| {
    let Some((sizes, input)) = input.split_first_chunk::<3>() else { return };
    let whole = decode(std::iter::once(input));
    let mut rest = input;
    let mut sizes = sizes.iter().cycle();
    let pieces = std::iter::from_fn(|| {
        let size = sizes.next().map_or(1, |size| usize::from(*size)).clamp(1, rest.len().max(1));
        let (piece, after) = rest.split_at_checked(size)?;
        rest = after;
        Some(piece)
    });
    assert_eq!(whole, decode(pieces));
    if let (data, Ok(Some(consumed))) = whole {
        assert_eq!(simple(&input[..consumed]), Some(data));
    }
});

/// The data, and how many bytes the body took if it ended.
fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Result<Option<usize>, Refusal>) {
    let mut decoder = BodyDecoder::new(BodyLength::Chunked);
    let (mut data, mut consumed) = (Vec::new(), 0);
    for piece in pieces {
        let mut rest = piece;
        while !rest.is_empty() {
            match decoder.step(rest) {
                Err(refusal) => return (data, Err(refusal)),
                Ok(step) => {
                    assert!(step.consumed > 0 && step.data.end <= step.consumed);
                    data.extend_from_slice(&rest[step.data]);
                    consumed += step.consumed;
                    rest = &rest[step.consumed..];
                    if step.ended {
                        return (data, Ok(Some(consumed)));
                    }
                }
            }
        }
    }
    (data, Ok(None))
}

/// Decodes a complete body line by line.
fn simple(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let line_len = body.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(body[..line_len].split(|o| b"; \t".contains(o)).next()?);
        let size = usize::from_str_radix(line.ok()?, 16).ok()?;
        body = &body[line_len + 2..];
        if size == 0 {
            return (body == b"\r\n" || body.ends_with(b"\r\n\r\n")).then_some(data);
        }
        data.extend_from_slice(body.get(..size)?);
        body = body[size..].strip_prefix(b"\r\n")?;
    }
}
