//! What was compressed, by route and coding, and why other responses were not.

use config::Coding;

use super::cached::each_route;
use super::cells::Cell;
use super::exposition::FamilyWriter;
use super::{LabelledMetrics, Registry};

/// Why a response went out as it was, on a route that compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCompressed {
    /// It is an error of this proxy's own.
    Error,
    /// It has a content coding already.
    Coded,
    /// `no-transform` forbids it.
    NoTransform,
    /// Its media type is not one of those.
    Type,
    /// It is too short.
    Size,
    /// A part was asked for, or sent.
    Range,
    /// The client accepts none of the codings.
    Client,
    /// It would not get shorter.
    Incompressible,
    /// There was no memory to spare.
    Memory,
}

impl NotCompressed {
    const LABELS: [&str; 9] = [
        "error",
        "coded",
        "no-transform",
        "type",
        "size",
        "range",
        "client",
        "incompressible",
        "memory",
    ];
}

/// What is counted for a route that compresses.
#[derive(Debug, Default)]
pub(super) struct CompressCells {
    codings: [CodingCells; Coding::ALL.len()],
    skipped: [Cell; NotCompressed::LABELS.len()],
}

#[derive(Debug, Default)]
struct CodingCells {
    responses: Cell,
    taken_bytes: Cell,
    given_bytes: Cell,
}

impl LabelledMetrics {
    /// Counts a response that goes out in a coding.
    pub fn compressed(&self, route: u32, coding: Coding) {
        self.coding(route, coding, |cells| cells.responses.add(1));
    }

    /// Counts bytes of content before and after a coding.
    pub fn compressed_bytes(&self, route: u32, coding: Coding, (taken, given): (u64, u64)) {
        self.coding(route, coding, |cells| {
            cells.taken_bytes.add(taken);
            cells.given_bytes.add(given);
        });
    }

    /// Counts a response that goes out as it is.
    pub fn not_compressed(&self, route: u32, reason: NotCompressed) {
        let cells = self.block().route(route).compress.cells();
        if let Some(cell) = cells.skipped.get(reason as usize) {
            cell.add(1);
        }
    }

    fn coding(&self, route: u32, coding: Coding, count: impl FnOnce(&CodingCells)) {
        let cells = self.block().route(route).compress.cells();
        if let Some(cells) = cells.codings.get(coding as usize) {
            count(cells);
        }
    }
}

pub(super) fn responses(registry: &Registry, out: &mut FamilyWriter<'_>) {
    codings(registry, out, |cells| &cells.responses);
}

pub(super) fn taken_bytes(registry: &Registry, out: &mut FamilyWriter<'_>) {
    codings(registry, out, |cells| &cells.taken_bytes);
}

pub(super) fn given_bytes(registry: &Registry, out: &mut FamilyWriter<'_>) {
    codings(registry, out, |cells| &cells.given_bytes);
}

pub(super) fn skipped(registry: &Registry, out: &mut FamilyWriter<'_>) {
    each_route(
        registry,
        |cells| &cells.compress,
        |route, used| {
            for (at, label) in NotCompressed::LABELS.into_iter().enumerate() {
                let cells = used.iter().filter_map(|cells| cells.skipped.get(at));
                out.sample_unless_zero(&[route, label], cells.map(Cell::value).sum());
            }
        },
    );
}

fn codings(
    registry: &Registry,
    out: &mut FamilyWriter<'_>,
    of: impl for<'a> Fn(&'a CodingCells) -> &'a Cell,
) {
    each_route(
        registry,
        |cells| &cells.compress,
        |route, used| {
            for coding in Coding::ALL {
                let cells = used.iter().filter_map(|cells| cells.codings.get(coding as usize));
                let number = cells.map(|cells| of(cells).value()).sum();
                out.sample_unless_zero(&[route, coding.name()], number);
            }
        },
    );
}
