//! Where a response is on disk: at its key, or at one of several that `Vary` tells apart.

use http1::Headers;

use super::record::Variants;
use crate::vary;

/// What is between a key and what tells variants apart. No key has it.
const VARIANT: u8 = 0;

/// The key of what a request selects.
pub(super) fn variant_key(key: &[u8], variants: &Variants, request: &Headers) -> Vec<u8> {
    let names = variants.names.iter().map(Vec::as_slice);
    with_fingerprint(key, variants, &vary::fingerprint(names, request))
}

/// The key of a response, whose own selection has this fingerprint.
pub(super) fn with_fingerprint(key: &[u8], variants: &Variants, fingerprint: &[u8]) -> Vec<u8> {
    [key, &[VARIANT], &variants.generation.to_le_bytes()[..], fingerprint].concat()
}
