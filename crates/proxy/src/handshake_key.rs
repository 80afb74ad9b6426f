//! The key of a WebSocket handshake and the answer that proves it was understood (RFC 6455 §4).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// What RFC 6455 §1.3 appends to a key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A fresh key: 16 random bytes in Base64.
#[must_use]
pub fn new() -> Vec<u8> {
    let mut bytes = [0; 16];
    // Without randomness the key is a constant, which protects a cache a little less and no more.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    base64(&bytes)
}

/// The value of `Sec-WebSocket-Accept` for a key.
#[must_use]
pub fn accept(key: &[u8]) -> Vec<u8> {
    let mut text = key.to_vec();
    text.extend_from_slice(GUID);
    base64(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text).as_ref())
}

/// Base64 with padding (RFC 4648 §4).
#[must_use]
pub fn base64(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|at| chunk.get(at).copied().unwrap_or(0));
        let bits = u32::from_be_bytes([0, a, b, c]);
        for at in 0..4 {
            let index = (bits >> (18 - 6 * at) & 63) as usize;
            out.push(if at > chunk.len() {
                b'='
            } else {
                ALPHABET.get(index).copied().unwrap_or(b'=')
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn base64_with_padding() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded.as_bytes());
        }
        assert_ne!(new(), new());
    }
}
