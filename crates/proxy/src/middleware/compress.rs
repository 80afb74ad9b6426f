//! `compress`: responses in fewer bytes, in the coding that the client likes best.
//!
//! The request half notes what the client accepts and gives origins back their entity tags; the
//! response half decides, says so in the head, and puts an encoder before the body. What comes
//! from the origin goes out at once, coded. The cache is behind it: it keeps what origins sent.

mod accept;
mod eligible;
mod encoder;
mod filter;
mod tags;

use std::ops::ControlFlow;
use std::task::{Context, Poll, Waker};

use config::{Coding, MediaPattern};
use http1::{Headers, Known, Method};

use super::{Flow, Memo};
use crate::body::Body;
use crate::exchange::{Exchange, Response};
use crate::record::{NO_ROUTE, NotCompressed};
use encoder::{Encoder, window_log};
use filter::{Encode, Meter};

/// Whole content up to this length is coded at once, so that its length is known.
const WHOLE_BYTES_MAX: usize = 32 * 1024;

/// The compression of one route.
#[derive(Debug)]
pub struct Compress {
    codings: Vec<Coding>,
    types: Vec<MediaPattern>,
    size_bytes_min: u64,
    zstd_level: u8,
    br_level: u8,
    gzip_level: u8,
}

impl Compress {
    pub(super) fn compile(compress: Option<&config::Compress>) -> Option<Self> {
        let compress = compress?;
        Some(Self {
            codings: compress.codings.clone(),
            types: compress.types.clone(),
            size_bytes_min: compress.size_bytes_min,
            zstd_level: compress.zstd_level,
            br_level: compress.br_level,
            gzip_level: compress.gzip_level,
        })
    }

    /// What the client accepts still goes to the origin: one that compresses itself is let to.
    pub(super) fn request(&self, exchange: &mut Exchange) -> Flow {
        let headers = &mut exchange.request.headers;
        let wanted = accept::choose(headers.values(Known::AcceptEncoding), &self.codings);
        tags::expand_conditions(headers);
        ControlFlow::Continue(Memo::Compress(wanted))
    }

    pub(super) fn response(&self, memo: Memo, exchange: &Exchange, response: &mut Response) {
        let Memo::Compress(wanted) = memo else { return };
        let status = response.head.status;
        if response.tunnel.is_some() || matches!(status, ..200 | 204 | 205) {
            return;
        }
        if let Some(reason) = eligible::refused(self, exchange, response) {
            return skip(exchange, reason);
        }
        // Another client would get it otherwise.
        vary(&mut response.head.headers);
        if status == 304 {
            return retag_not_modified(exchange, response, wanted);
        }
        if let Err(reason) = self.apply(wanted, exchange, response) {
            skip(exchange, reason);
        }
    }

    /// Puts the content into a coding.
    fn apply(
        &self,
        wanted: Option<Coding>,
        exchange: &Exchange,
        response: &mut Response,
    ) -> Result<(), NotCompressed> {
        let is_part = matches!(response.head.status, 206 | 416)
            || response.head.headers.contains(Known::ContentRange)
            || exchange.request.headers.contains(Known::Range);
        if is_part {
            return Err(NotCompressed::Range);
        }
        let coding = wanted.ok_or(NotCompressed::Client)?;
        if exchange.request.method == Method::Head {
            // The same fields as for GET, as far as they are known without the content.
            response.declared_length = None;
            response.head.headers.remove(Known::ContentLength);
        } else {
            self.encode(coding, exchange, response)?;
        }
        mark(coding, exchange, &mut response.head.headers);
        Ok(())
    }

    fn encode(
        &self,
        coding: Coding,
        exchange: &Exchange,
        response: &mut Response,
    ) -> Result<(), NotCompressed> {
        // What has come with the head is looked at. Whoever sends the body asks again and is woken.
        let mut cx = Context::from_waker(Waker::noop());
        let has_data = matches!(response.body.poll_data(&mut cx), Poll::Ready(Ok(true)));
        if has_data && response.body.with_data(eligible::looks_random) {
            return Err(NotCompressed::Incompressible);
        }
        let is_events = eligible::is_event_stream(&response.head.headers);
        let window_log = window_log(response.declared_length, is_events);
        let Some(encoder) = Encoder::new(coding, self.level(coding), window_log) else {
            exchange.metrics().limit("memory-max");
            return Err(NotCompressed::Memory);
        };
        let meter = Meter::of(exchange, coding);
        let length = response.body.with_data(<[u8]>::len);
        // An upload that still runs ends with its body, so that body stays for as long as it may.
        let is_whole = has_data && response.body.is_last_with(length) && !exchange.early_response;
        if is_whole && length <= WHOLE_BYTES_MAX {
            encode_whole(encoder, &meter, response)?;
        } else {
            let body = std::mem::replace(&mut response.body, Body::Empty);
            response.body = Body::mapped(body, Box::new(Encode::new(encoder, meter)));
            response.declared_length = None;
        }
        exchange.metrics().compressed(route(exchange), coding);
        Ok(())
    }

    const fn level(&self, coding: Coding) -> u8 {
        match coding {
            Coding::Zstd => self.zstd_level,
            Coding::Brotli => self.br_level,
            Coding::Gzip => self.gzip_level,
        }
    }
}

/// Content that is there already is coded in one go, if that makes it shorter.
fn encode_whole(
    mut encoder: Encoder,
    meter: &Meter,
    response: &mut Response,
) -> Result<(), NotCompressed> {
    let mut out = Vec::new();
    let length = response.body.with_data(<[u8]>::len);
    let coded = response.body.with_data(|data| encoder.push(data, &mut out));
    let is_shorter = coded.and_then(|()| encoder.finish(&mut out)).is_ok() && out.len() < length;
    if !is_shorter {
        return Err(NotCompressed::Incompressible);
    }
    meter.count(length, out.len());
    response.body.consume(length);
    response.finish_empty_body();
    response.declared_length = Some(out.len() as u64);
    response.body = Body::owned(out);
    Ok(())
}

fn skip(exchange: &Exchange, reason: NotCompressed) {
    exchange.metrics().not_compressed(route(exchange), reason);
}

fn route(exchange: &Exchange) -> u32 {
    exchange.route.map_or(NO_ROUTE, |route| route.0)
}

/// What is said of the content and no longer holds when it is coded: parts of it cannot be asked
/// for, and digests are of what was sent before.
fn mark(coding: Coding, exchange: &Exchange, headers: &mut Headers) {
    headers.set_known(Known::ContentEncoding, coding.name().as_bytes());
    headers.remove(Known::AcceptRanges);
    for name in ["Content-Digest", "Repr-Digest", "Digest", "Content-MD5"] {
        headers.remove_named(name.as_bytes());
    }
    // After other methods it is the tag of what is stored now, not of this content.
    if !matches!(exchange.request.method, Method::Get | Method::Head) {
        return;
    }
    if let Some(tag) = headers.value(Known::Etag).map(|tag| tags::coded(tag, coding)) {
        match tag {
            Some(tag) => headers.set_known(Known::Etag, &tag),
            None => drop(headers.remove(Known::Etag)),
        }
    }
}

fn retag_not_modified(exchange: &Exchange, response: &mut Response, wanted: Option<Coding>) {
    let headers = &mut response.head.headers;
    let tag = headers.value(Known::Etag);
    let tag = tag.map(|tag| tags::of_not_modified(&exchange.request.headers, tag, wanted));
    if let Some(tag) = tag {
        headers.set_known(Known::Etag, &tag);
    }
}

/// Says once that `Accept-Encoding` counts (RFC 9110 §12.5.5).
fn vary(headers: &mut Headers) {
    const FIELD: &[u8] = b"Accept-Encoding";
    let mut list = Vec::new();
    for name in headers.values(Known::Vary).flat_map(|value| value.split(|byte| *byte == b',')) {
        let name = name.trim_ascii();
        if name == b"*" || name.eq_ignore_ascii_case(FIELD) {
            return;
        }
        if !name.is_empty() {
            list.extend_from_slice(name);
            list.extend_from_slice(b", ");
        }
    }
    list.extend_from_slice(FIELD);
    headers.set_known(Known::Vary, &list);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vary_is_merged_once() {
        for (before, after) in [
            (&[][..], &["Accept-Encoding"][..]),
            (&["Origin"], &["Origin, Accept-Encoding"]),
            (&["Origin", "Cookie ,,X"], &["Origin, Cookie, X, Accept-Encoding"]),
            (&["Origin", "accept-encoding"], &["Origin", "accept-encoding"]),
            (&["*"], &["*"]),
        ] {
            let mut headers = Headers::new();
            before.iter().for_each(|value| headers.push_known(Known::Vary, value.as_bytes()));
            vary(&mut headers);
            let values: Vec<_> = headers.values(Known::Vary).collect();
            let after: Vec<_> = after.iter().map(|value| value.as_bytes()).collect();
            assert_eq!(values, after);
        }
    }
}
