//! What the stores of the cache hold, asked of them when somebody reads.

use cache::store::StoreNumbers;

use super::Registry;
use super::exposition::FamilyWriter;

/// One number of each store. The one without a name is `default`.
pub(super) fn sample(
    registry: &Registry,
    out: &mut FamilyWriter<'_>,
    number: impl Fn(&StoreNumbers) -> u64,
) {
    for shelf in &registry.labels.shelves {
        let name = if shelf.name.is_empty() { "default" } else { &shelf.name };
        out.sample(&[name], number(&shelf.store.numbers()));
    }
}
