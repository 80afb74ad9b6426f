//! POST with a body that says what is asked for, as of GraphQL and searches: the digest of the
//! body is part of the key, and the same POST gets the same response.

use std::future::poll_fn;
use std::sync::Arc;

use aws_lc_rs::digest::{Digest, SHA256, digest};
use cache::validate;
use http1::encode::Framing;
use http1::{BodyLength, Headers, Known, Method};

use super::CachePlan;
use super::key::{hex, line};
use crate::body::Body;
use crate::exchange::Exchange;
use crate::fault::Fault;
use crate::worker::Worker;

/// Fields that say what the bytes of the body mean.
const MEANING: [(Known, &str); 3] = [
    (Known::ContentType, "content-type"),
    (Known::ContentEncoding, "content-encoding"),
    (Known::ContentLanguage, "content-language"),
];

/// What was posted.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    content: Arc<[u8]>,
    digest: Digest,
}

impl Posted {
    /// Reads the body of a POST by which its response is to be known; nothing where the request
    /// goes its way as if there was no such option. The body is then still there to be sent.
    ///
    /// # Errors
    /// When the client does not send it.
    pub(super) async fn read(
        worker: &Worker,
        exchange: &mut Exchange,
        cache: &CachePlan,
    ) -> Result<Option<Self>, Fault> {
        let Some(bytes_max) = cache.post_body_bytes_max else { return Ok(None) };
        if !is_plain(exchange) || cache.bypasses(exchange) {
            return Ok(None);
        }
        if let Framing::Length(bytes) = exchange.framing
            && bytes > bytes_max
        {
            worker.metrics().limit("cache-post-body");
            return Ok(None);
        }
        let mut content = Vec::new();
        if !take(&mut exchange.body, bytes_max, &mut content).await? {
            worker.metrics().limit("cache-post-body");
            let rest = std::mem::replace(&mut exchange.body, Body::Empty);
            exchange.body = Body::led(content, rest);
            return Ok(None);
        }
        let content: Arc<[u8]> = content.into();
        exchange.body = Body::shared(Arc::clone(&content));
        exchange.framing = Framing::Length(content.len() as u64);
        Ok(Some(Self { digest: digest(&SHA256, &content), content }))
    }

    /// Writes the lines of the key.
    pub(super) fn write(&self, request: &Headers, out: &mut Vec<u8>) {
        let digits: Vec<u8> = self.digest.as_ref().iter().flat_map(|byte| hex(*byte)).collect();
        line(out, "post", &digits);
        for (field, name) in MEANING {
            for value in request.values(field) {
                line(out, name, value);
            }
        }
    }

    /// The body once more.
    pub(super) fn body(&self) -> (Body, BodyLength) {
        let length = BodyLength::Exact(self.content.len() as u64);
        (Body::shared(Arc::clone(&self.content)), length)
    }
}

/// Whether all that is asked for is in the body and the URI. A condition of a POST is for the
/// origin, and so is a body that is sent on invitation.
fn is_plain(exchange: &Exchange) -> bool {
    let request = &exchange.request.headers;
    exchange.request.method == Method::Post
        && !exchange.upgrades
        && !exchange.expects_continue
        && !exchange.body.is_empty()
        && !request.contains(Known::Range)
        && !request.contains(Known::Trailer)
        && !validate::has_conditions(request)
        && !validate::is_for_origin(request)
}

/// Reads a body up to a bound; tells whether that was all of it.
async fn take(body: &mut Body, bytes_max: u64, out: &mut Vec<u8>) -> Result<bool, Fault> {
    while poll_fn(|cx| body.poll_data(cx)).await? {
        let count = body.with_data(|data| {
            out.extend_from_slice(data);
            data.len()
        });
        body.consume(count);
        if out.len() as u64 > bytes_max {
            return Ok(false);
        }
    }
    Ok(body.with_trailers(|trailers| trailers.is_none()))
}
