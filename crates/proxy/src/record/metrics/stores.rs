//! What the stores of the cache hold, asked of them when somebody reads.

use cache::store::StoreNumbers;
use cache::tier::TierNumbers;

use super::Registry;
use super::exposition::FamilyWriter;
use super::table::Keyed;

/// One number of each store. The one without a name is `default`.
pub(super) fn sample(
    registry: &Registry,
    out: &mut FamilyWriter<'_>,
    number: impl Fn(&StoreNumbers) -> u64,
) {
    for shelf in &registry.labels.shelves {
        out.sample(&[shelf.label()], number(&shelf.store.numbers()));
    }
}

/// One number of each store that has a disk, or was to have one.
pub(super) fn disk(registry: &Registry, out: &mut FamilyWriter<'_>, keyed: Keyed) {
    for shelf in registry.labels.shelves.iter().filter(|shelf| shelf.wants_disk()) {
        let numbers = match shelf.store.tier() {
            Some(tier) => tier.numbers(),
            None => TierNumbers { is_failed: true, ..TierNumbers::default() },
        };
        out.sample(&[shelf.label()], number_of(&numbers, keyed));
    }
}

fn number_of(
    TierNumbers { disk, is_failed, hits, queue_bytes, dropped }: &TierNumbers,
    keyed: Keyed,
) -> u64 {
    match keyed {
        Keyed::CacheDiskObjects => disk.objects,
        Keyed::CacheDiskBytes => disk.bytes,
        Keyed::CacheDiskIndexBytes => disk.index_bytes,
        Keyed::CacheDiskQueueBytes => *queue_bytes,
        Keyed::CacheDiskHits => *hits,
        Keyed::CacheDiskWrites => disk.writes,
        Keyed::CacheDiskDropped => *dropped,
        Keyed::CacheDiskEvictions => disk.evicted,
        Keyed::CacheDiskCorrupt => disk.corrupt,
        Keyed::CacheDiskErrors => disk.errors,
        _ => u64::from(!is_failed),
    }
}
