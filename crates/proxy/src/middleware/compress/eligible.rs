//! Which responses are worth it, and which must stay as they are.

use cache::members;
use config::{MediaPattern, SubtypePattern};
use http1::{Headers, Known};

use super::Compress;
use crate::exchange::{Exchange, Response};
use crate::record::NotCompressed;

/// Why a response is left as it is for every client, if it is.
pub(super) fn refused(
    compress: &Compress,
    exchange: &Exchange,
    response: &Response,
) -> Option<NotCompressed> {
    let headers = &response.head.headers;
    let is_not_modified = response.head.status == 304;
    if response.fault.is_some() {
        return Some(NotCompressed::Error);
    }
    if headers.contains(Known::ContentEncoding) {
        return Some(NotCompressed::Coded);
    }
    if forbids(headers) || forbids(&exchange.request.headers) {
        return Some(NotCompressed::NoTransform);
    }
    match headers.value(Known::ContentType) {
        // What is not sent again need not say what it is.
        None if is_not_modified => {}
        media if media.is_some_and(|media| is_worth_it(&compress.types, media)) => {}
        _ => return Some(NotCompressed::Type),
    }
    let is_small = response.declared_length.is_some_and(|bytes| bytes < compress.size_bytes_min);
    (is_small && !is_not_modified).then_some(NotCompressed::Size)
}

/// `no-transform` counts from either side (RFC 9111 §5.2.1.6, §5.2.2.6).
fn forbids(headers: &Headers) -> bool {
    let mut directives = headers.values(Known::CacheControl).flat_map(members::members);
    directives.any(|directive| directive.is("no-transform"))
}

/// Whether a media type is one of the patterns. gRPC never is: it codes its messages itself, and
/// each of them has to arrive by itself.
fn is_worth_it(patterns: &[MediaPattern], media: &[u8]) -> bool {
    let media = media.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let mut parts = media.splitn(2, |byte| *byte == b'/');
    let (Some(kind), Some(subtype)) = (parts.next(), parts.next()) else { return false };
    if kind.eq_ignore_ascii_case(b"application") && starts_with(subtype, b"grpc") {
        return false;
    }
    patterns.iter().any(|pattern| {
        let fits =
            pattern.kind.as_ref().is_none_or(|own| kind.eq_ignore_ascii_case(own.as_bytes()));
        fits && match &pattern.subtype {
            SubtypePattern::Any => true,
            SubtypePattern::Exact(own) => subtype.eq_ignore_ascii_case(own.as_bytes()),
            SubtypePattern::Suffix(own) => ends_with(subtype, own.as_bytes()),
        }
    })
}

fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|part| part.eq_ignore_ascii_case(start))
}

fn ends_with(text: &[u8], end: &[u8]) -> bool {
    let from = text.len().checked_sub(end.len()).and_then(|at| text.get(at..));
    from.is_some_and(|part| part.eq_ignore_ascii_case(end))
}

/// Whether events are sent: they come in small pieces, for long, on many connections at once.
pub(super) fn is_event_stream(headers: &Headers) -> bool {
    headers.value(Known::ContentType).is_some_and(|media| starts_with(media, b"text/event-stream"))
}

/// A shorter sample says nothing.
const SAMPLE_BYTES_MIN: usize = 512;

/// Bytes of content that are looked at.
const SAMPLE_BYTES: usize = 2048;

/// Whether the beginning of content looks like what is compressed already, or encrypted: its
/// bytes are as good as evenly spread.
pub(super) fn looks_random(data: &[u8]) -> bool {
    let sample = data.get(..SAMPLE_BYTES).unwrap_or(data);
    if sample.len() < SAMPLE_BYTES_MIN {
        return false;
    }
    let mut counts = [0_u32; 256];
    for byte in sample {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let squares: u64 = counts.iter().map(|count| u64::from(count * count)).sum();
    // Of random bytes n + n²/256 is expected. Text has more than five times as much.
    let length = sample.len() as u64;
    let expected = length + length * length / 256;
    squares < expected + expected / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(subtype: SubtypePattern) -> MediaPattern {
        MediaPattern { kind: None, subtype }
    }

    #[test]
    fn media_types() {
        let json = any(SubtypePattern::Suffix("+json".to_owned()));
        let text = MediaPattern { kind: Some("text".to_owned()), subtype: SubtypePattern::Any };
        let exact = SubtypePattern::Exact("wasm".to_owned());
        let patterns = [json, text, any(exact)];
        for yes in ["text/html", "TEXT/Plain; charset=utf-8", "application/a+JSON", "a/wasm ;x"] {
            assert!(is_worth_it(&patterns, yes.as_bytes()), "{yes}");
        }
        for no in ["", "text", "image/png", "application/json", "a/wasm2", "application/+jsonx"] {
            assert!(!is_worth_it(&patterns, no.as_bytes()), "{no}");
        }
    }

    #[test]
    fn grpc_is_left_alone_whatever_is_asked_for() {
        let all = [any(SubtypePattern::Any)];
        assert!(is_worth_it(&all, b"image/png"));
        for grpc in ["application/grpc", "application/gRPC-web+proto", "application/grpc+json"] {
            assert!(!is_worth_it(&all, grpc.as_bytes()), "{grpc}");
        }
    }

    #[test]
    fn random_bytes_and_others() {
        let mut state = 1_u64;
        let mut random = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        let noise: Vec<u8> = (0..4096).map(&mut random).collect();
        assert!(looks_random(&noise) && looks_random(&noise[..SAMPLE_BYTES_MIN]));
        assert!(!looks_random(&noise[..SAMPLE_BYTES_MIN - 1]));
        assert!(!looks_random(&[b'a'; 4096]));
        assert!(!looks_random(include_bytes!("eligible.rs")));
        let base64: Vec<u8> = noise.iter().map(|byte| b'A' + byte % 64).collect();
        assert!(!looks_random(&base64));
    }
}
