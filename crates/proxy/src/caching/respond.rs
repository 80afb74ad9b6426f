//! A response made of what is kept (RFC 9111 §4, RFC 9110 §13 to §15).

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache::range::{self, Part, Span, Wanted};
use cache::status::Handled;
use cache::store::content::Reader;
use cache::store::stored::Stored;
use cache::validate;
use http1::{Known, Method, ResponseHead};

use super::{Asked, CachePlan};
use crate::body::{Body, Source, StoredBody};
use crate::exchange::{Exchange, Response};
use crate::recycle::Recycled;

/// What stands between the parts of a response with several: what nobody can have written into
/// the content beforehand.
fn boundary() -> String {
    format!("weir-{:016x}", RandomState::new().build_hasher().finish())
}

/// Whether a stored response has what a request asks for: a part may not.
pub(super) fn fits(exchange: &Exchange, stored: &Stored) -> bool {
    let Some(part) = stored.part else { return true };
    let request = &exchange.request.headers;
    exchange.request.method == Method::Get
        && validate::range_counts(request, &stored.head.headers)
        && matches!(
            range::wanted(request, part.complete_length),
            Wanted::Parts(spans) if spans.iter().all(|span| part.span.covers(span))
        )
}

/// The head of a response out of a stored one.
pub(super) fn head_of(
    (cache, asked): (&CachePlan, &Asked),
    stored: &Stored,
    handled: Handled,
) -> Response {
    let mut head = Recycled::<ResponseHead>::take();
    head.clone_from(&stored.head);
    let mut digits = itoa::Buffer::new();
    let age = digits.format(stored.terms.age_s(asked.now));
    head.headers.set_known(Known::Age, age.as_bytes());
    let mut response = Response::from_upstream(head, Body::Empty, None);
    let ttl_s = Some(stored.terms.ttl_s(asked.now));
    // The lifetime is not the origin's.
    let is_set = cache.policy.override_ttl_s == Some(stored.terms.lifetime_s);
    let detail = handled.detail.or(if is_set { Some("override-ttl") } else { None });
    tell(cache, asked, Handled { ttl_s, detail, ..handled }, &mut response);
    response
}

/// The response to a request that a stored one answers.
pub(super) fn from_stored(
    exchange: &Exchange,
    from: (&CachePlan, &Asked),
    stored: &Arc<Stored>,
    handled: Handled,
) -> Response {
    let mut response = head_of(from, stored, handled);
    let request = &exchange.request.headers;
    let is_ok = stored.head.status == 200 || stored.part.is_some();
    if is_ok && validate::is_not_modified(request, &stored.head.headers, stored.terms.received) {
        make_not_modified(&mut response);
        return response;
    }
    let whole = length(stored);
    let idle = exchange.snapshot.timeouts.body_idle;
    let wanted = match (is_ok, stored.part, whole) {
        (true, Some(part), _) => range::wanted(request, part.complete_length),
        (true, None, Some(length)) if ranges_count(exchange, stored) => {
            range::wanted(request, length)
        }
        _ => Wanted::Whole,
    };
    match wanted {
        Wanted::Whole => {
            response.declared_length = whole;
            if exchange.request.method != Method::Head && whole != Some(0) {
                let reader = Reader::new(Arc::clone(&stored.content), None);
                response.body = Body::Stored(Box::new(StoredBody::of(reader, idle)));
            }
        }
        Wanted::Parts(spans) => give_parts(&mut response, stored, (&spans, idle)),
        Wanted::Unsatisfiable => make_unsatisfiable(&mut response, whole.unwrap_or(0)),
    }
    response
}

/// A range counts for GET alone (RFC 9110 §14.2).
fn ranges_count(exchange: &Exchange, stored: &Stored) -> bool {
    exchange.request.method == Method::Get
        && exchange.request.headers.contains(Known::Range)
        && validate::range_counts(&exchange.request.headers, &stored.head.headers)
}

/// The length of the whole, where it is known.
pub(super) fn length(stored: &Stored) -> Option<u64> {
    stored.declared_length.or_else(|| stored.content.is_whole().then(|| stored.content.length()))
}

/// `304 Not Modified` has no content and none of its fields (RFC 9110 §15.4.5).
fn make_not_modified(response: &mut Response) {
    response.head.status = 304;
    response.head.reason.clear();
    for field in [
        Known::ContentEncoding,
        Known::ContentLanguage,
        Known::ContentLength,
        Known::ContentRange,
        Known::ContentType,
    ] {
        response.head.headers.remove(field);
    }
}

fn make_unsatisfiable(response: &mut Response, length: u64) {
    response.head.status = 416;
    response.head.reason.clear();
    response.head.headers.remove(Known::ContentType);
    response.head.headers.remove(Known::ContentEncoding);
    let range = format!("bytes */{length}");
    response.head.headers.set_known(Known::ContentRange, range.as_bytes());
    response.declared_length = Some(0);
}

/// One part as it is, or several with their own heads (RFC 9110 §15.3.7).
fn give_parts(response: &mut Response, stored: &Arc<Stored>, (spans, idle): (&[Span], Duration)) {
    let complete_length =
        stored.part.map_or_else(|| length(stored).unwrap_or(0), |part| part.complete_length);
    response.head.status = 206;
    response.head.reason.clear();
    let source = |span: Span| Source::from(reader(stored, span));
    if let [span] = spans {
        let range = range::write_content_range(*span, complete_length);
        response.head.headers.set_known(Known::ContentRange, range.as_bytes());
        response.declared_length = Some(span.len());
        response.body = Body::Stored(Box::new(StoredBody::of(reader(stored, *span), idle)));
        return;
    }
    let media = stored.head.headers.value(Known::ContentType).unwrap_or_default();
    let boundary = boundary();
    let mut sources = VecDeque::new();
    let mut total = 0;
    for span in spans {
        let mut between = format!("\r\n--{boundary}\r\n").into_bytes();
        if !media.is_empty() {
            between.extend_from_slice(b"Content-Type: ");
            between.extend_from_slice(media);
            between.extend_from_slice(b"\r\n");
        }
        let range = range::write_content_range(*span, complete_length);
        between.extend_from_slice(format!("Content-Range: {range}\r\n\r\n").as_bytes());
        total += between.len() as u64 + span.len();
        sources.push_back(Source::Bytes(Bytes::from(between)));
        sources.push_back(source(*span));
    }
    let end = format!("\r\n--{boundary}--\r\n");
    total += end.len() as u64;
    sources.push_back(Source::Bytes(Bytes::from(end)));
    let media = format!("multipart/byteranges; boundary={boundary}");
    response.head.headers.set_known(Known::ContentType, media.as_bytes());
    response.head.headers.remove(Known::ContentRange);
    response.declared_length = Some(total);
    response.body = Body::Stored(Box::new(StoredBody::new(sources, idle)));
}

/// Reads a span of the whole out of what is stored of it.
fn reader(stored: &Arc<Stored>, span: Span) -> Reader {
    let start = stored.part.map_or(0, |part: Part| part.span.first);
    let within = Span { first: span.first - start, last: span.last - start };
    Reader::new(Arc::clone(&stored.content), Some(within))
}

/// Tells in `Cache-Status` what was done (RFC 9211).
pub(super) fn tell(cache: &CachePlan, asked: &Asked, handled: Handled, response: &mut Response) {
    if !cache.tells {
        return;
    }
    let mut text = String::with_capacity(64);
    handled.write(cache.shows_key.then_some(&asked.key[..]), &mut text);
    response.head.headers.push_known(Known::CacheStatus, text.as_bytes());
}
