//! Content on its way through an encoder.

use config::Coding;
use http1::Headers;

use super::encoder::{Broken, Encoder};
use crate::body::Filter;
use crate::exchange::Exchange;
use crate::fault::{Fault, Kind};
use crate::record::NO_ROUTE;
use crate::snapshot::SnapshotRef;

/// Counts what goes in and what comes out.
#[derive(Debug)]
pub(super) struct Meter {
    snapshot: SnapshotRef,
    route: u32,
    coding: Coding,
}

impl Meter {
    pub(super) fn of(exchange: &Exchange, coding: Coding) -> Self {
        let route = exchange.route.map_or(NO_ROUTE, |route| route.0);
        Self { snapshot: std::rc::Rc::clone(&exchange.snapshot), route, coding }
    }

    pub(super) fn count(&self, taken: usize, given: usize) {
        let bytes = (taken as u64, given as u64);
        self.snapshot.metrics().compressed_bytes(self.route, self.coding, bytes);
    }
}

/// The encoder of one response.
#[derive(Debug)]
pub(super) struct Encode {
    encoder: Encoder,
    meter: Meter,
    /// Something was taken that may not have been given out.
    is_holding: bool,
}

impl Encode {
    pub(super) const fn new(encoder: Encoder, meter: Meter) -> Self {
        Self { encoder, meter, is_holding: false }
    }
}

impl From<Broken> for Fault {
    fn from(_: Broken) -> Self {
        Self::proxy(Kind::ProxyInternalError)
    }
}

impl Filter for Encode {
    fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let before = out.len();
        self.encoder.push(data, out)?;
        self.is_holding = true;
        self.meter.count(data.len(), out.len() - before);
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if std::mem::take(&mut self.is_holding) {
            let before = out.len();
            self.encoder.flush(out)?;
            self.meter.count(0, out.len() - before);
        }
        Ok(())
    }

    fn finish(&mut self, _: Option<&Headers>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let before = out.len();
        self.encoder.finish(out)?;
        self.meter.count(0, out.len() - before);
        Ok(())
    }

    fn keeps_trailers(&self) -> bool {
        true
    }
}
