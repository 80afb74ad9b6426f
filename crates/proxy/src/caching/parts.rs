//! Parts of a representation: kept as they come, and put together (RFC 9111 §3.3, §3.4).

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use cache::range::{self, Part};
use cache::status::Handled;
use cache::store::content::{Content, Reader};
use cache::store::stored::Stored;
use cache::validate;
use http1::{Headers, Known};

use super::keep::{Keeping, leave_out};
use super::{Asked, CachePlan, respond};
use crate::body::{Body, StoredBody};
use crate::exchange::{Exchange, Response};

/// The part that a 206 has, if it is one part whose place and length are known.
pub(super) fn part_of(response: &Response) -> Option<Part> {
    let part = range::content_range(&response.head.headers)?;
    match response.declared_length {
        Some(length) => part.of_length(length),
        None => Some(part),
    }
}

/// Asks for what is missing behind a stored part that begins at the beginning.
pub(super) fn ask_for_rest(request: &mut Headers, stored: &Stored) {
    let Some(part) = stored.part.filter(|part| part.span.first == 0) else { return };
    if !stored.content.is_in_memory() {
        return;
    }
    let rest = format!("bytes={}-", part.span.last + 1);
    request.set_known(Known::Range, rest.as_bytes());
    request.remove(Known::IfRange);
    if let Some(tag) = validate::strong_tag(&stored.head.headers) {
        request.push_known(Known::IfRange, tag);
    }
}

/// Puts a stored part and the rest that has just come together, if both are of the same
/// representation beyond doubt. The rest is read whole.
pub(super) async fn complete(
    keeping: &Keeping<'_>,
    exchange: &Exchange,
    stored: &Arc<Stored>,
    mut response: Response,
) -> Option<Arc<Stored>> {
    let (first, rest) = (stored.part?, part_of(&response)?);
    let fits = rest.span.first == first.span.last + 1
        && rest.span.last + 1 == rest.complete_length
        && rest.complete_length == first.complete_length
        && rest.complete_length <= keeping.cache.shelf.store.limits().object_bytes_max
        && (!response.head.headers.contains(Known::NoVarySearch)
            || keeping.asked.is_by_rule_of(&response.head.headers))
        && stored.content.is_in_memory()
        && validate::are_parts_of_one(&stored.head.headers, &response.head.headers);
    if !fits {
        return None;
    }
    let content = Content::default();
    stored.content.pieces().for_each(|piece| content.push(piece.clone()));
    while poll_fn(|cx| response.body.poll_data(cx)).await.ok()? {
        let bytes = response.body.with_data(Bytes::copy_from_slice);
        response.body.consume(bytes.len());
        content.push(bytes);
    }
    std::mem::replace(&mut response.body, Body::Empty).finish();
    if content.length() != rest.complete_length {
        return None;
    }
    content.finish();
    let mut head = stored.head.clone();
    validate::update(&mut head.headers, &response.head.headers);
    head.status = 200;
    head.reason.clear();
    head.headers.remove(Known::ContentRange);
    // The origin has just said that the first part is right too.
    let verdict = keeping.judge_head(exchange, &head);
    let left_out = verdict.as_ref().map_or(&[][..], |storable| &storable.fields_left_out);
    leave_out(&mut head.headers, left_out);
    let whole = Arc::new(Stored {
        head,
        terms: verdict.as_ref().map_or(stored.terms, |storable| storable.terms),
        selection: stored.selection.clone(),
        content: Arc::new(content),
        declared_length: Some(rest.complete_length),
        part: None,
        tags: stored.tags.clone(),
        checked: AtomicU64::new(stored.checked.load(Ordering::Relaxed)),
        is_written: false.into(),
        disk_nonce: 0.into(),
    });
    if verdict.is_ok() {
        let (store, asked) = (&keeping.cache.shelf.store, keeping.asked);
        store.put(&asked.key, &exchange.request.headers, Arc::clone(&whole));
        store.settle(&asked.key, &whole.content);
    }
    Some(whole)
}

/// A part that has just come, for a client that did not ask for exactly that: what the origin
/// has chosen to send is passed on.
pub(super) fn as_it_came(
    exchange: &Exchange,
    from: (&CachePlan, &Asked),
    stored: &Arc<Stored>,
    handled: Handled,
) -> Response {
    let mut response = respond::head_of(from, stored, handled);
    response.declared_length = stored.declared_length;
    let reader = Reader::new(Arc::clone(&stored.content), None);
    let idle = exchange.snapshot.timeouts.body_idle;
    response.body = Body::Stored(Box::new(StoredBody::of(reader, idle)));
    response
}
