//! From a URL to the keys that it may have: by the rules of the routes that take it, and by those
//! that responses have set for its path. Of what is purged or became invalid the URL is known, not
//! the request.

use std::sync::Arc;

use cache::disk::DiskError;
use cache::store::purge::Mode;

use super::{CachePlan, Shelf, purge};
use crate::recycle::Recycled;
use crate::route::{RouteIndex, canonical};
use crate::snapshot::Snapshot;

/// Purges in a store what a client would get for a URL, as [`cache::key::of_url`] makes it. Returns
/// how much was kept for its URIs alone.
///
/// # Errors
/// The disk could not take note: what was purged may be back after a restart.
pub fn purge_url(
    snapshot: &Snapshot,
    shelf: &Arc<Shelf>,
    uri: &[u8],
    mode: Mode,
) -> Result<usize, DiskError> {
    let keys = keys_of(snapshot, shelf, uri);
    keys.iter().map(|key| purge::purge(shelf, key, mode)).sum()
}

/// The URIs, as in keys, by which a store may know what is kept for a URL. `uri` is the URL as
/// [`cache::key::write`] makes it.
pub(super) fn keys_of(snapshot: &Snapshot, shelf: &Arc<Shelf>, uri: &[u8]) -> Vec<Vec<u8>> {
    let mut keys = vec![uri.to_vec()];
    let Some(uri) = Uri::read(uri) else { return keys };
    for plan in uri.plans(snapshot).filter(|plan| Arc::ptr_eq(&plan.shelf, shelf)) {
        let mut counted = Vec::new();
        plan.key.write_uri((uri.scheme, uri.authority), uri.target, &mut counted);
        if let Some(rule) = shelf.search.of(&plan.key.search_key(&counted)) {
            keys.push(rule.rule.apply(&counted));
        }
        keys.push(counted);
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Whether keys for a URL may have more than their URI.
pub(super) fn have_rest(snapshot: &Snapshot, shelf: &Shelf, uri: &[u8]) -> bool {
    let is_more = |plan: &CachePlan| plan.key.has_rest() || plan.post_body_bytes_max.is_some();
    !shelf.search.is_empty()
        || !snapshot.trusted_proxies.is_empty()
        || Uri::read(uri).is_none_or(|uri| uri.plans(snapshot).any(is_more))
}

/// A URI as in a key, in parts.
#[derive(Clone, Copy)]
struct Uri<'a> {
    scheme: &'a str,
    authority: &'a [u8],
    target: &'a [u8],
}

impl<'a> Uri<'a> {
    fn read(uri: &'a [u8]) -> Option<Self> {
        let scheme_end = memchr::memmem::find(uri, b"://")?;
        let scheme = std::str::from_utf8(uri.get(..scheme_end)?).ok()?;
        let rest = uri.get(scheme_end + 3..)?;
        let (authority, target) = rest.split_at_checked(memchr::memchr(b'/', rest)?)?;
        Some(Self { scheme, authority, target })
    }

    /// How the routes that may take it use the cache.
    fn plans<'s>(self, snapshot: &'s Snapshot) -> impl Iterator<Item = &'s CachePlan> + use<'s> {
        let end = memchr::memchr(b'?', self.target).unwrap_or(self.target.len());
        let raw = self.target.get(..end).unwrap_or_default();
        let mut scratch = Recycled::<Vec<u8>>::take();
        let found: Vec<RouteIndex> = match canonical(raw, snapshot.slashes, &mut scratch) {
            Ok(path) => snapshot.router.all_for(http1::host_of(self.authority), path.path),
            // Nobody gets anything for it.
            Err(_) => Vec::new(),
        };
        let routes = found.into_iter().filter_map(|index| snapshot.routes.get(index.0 as usize));
        routes.filter_map(|route| route.cache.as_deref())
    }
}
