//! The encoders: content in, coded content out, each within a bound of memory.
//!
//! What an encoder may take is known beforehand and comes out of the memory budget. Those of zstd
//! and gzip are kept for the next response; brotli's cannot be used again.

use std::cell::RefCell;
use std::thread::LocalKey;

use brotli::enc::StandardAlloc;
use brotli::enc::encode::{
    BrotliEncoderOperation as BrotliStep, BrotliEncoderParameter, BrotliEncoderStateStruct,
};
use config::Coding;
use flate2::{Compress as Deflate, Compression, FlushCompress, Status};
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective as ZstdStep;
use zstd::zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, ResetDirective};

use crate::io::memory::Spare;

/// The largest window, as a power of two: more costs memory for each stream, and saves little.
const WINDOW_LOG_MAX: u32 = 18;

/// The smallest window that is worth naming.
const WINDOW_LOG_MIN: u32 = 10;

/// The window for events.
const EVENT_WINDOW_LOG: u32 = 15;

/// Encoders of each kind that a worker keeps.
const KEPT_MAX: usize = 4;

/// Room that is made for output at a time.
const ROOM_BYTES: usize = 8 * 1024;

/// An encoder cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// What an encoder is to do with what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Take it.
    Process,
    /// Give out all that was taken.
    Flush,
    /// End.
    Finish,
}

/// An encoder of one stream.
pub(super) enum Encoder {
    Zstd(Kept<CCtx<'static>>),
    Brotli { state: Box<BrotliEncoderStateStruct<StandardAlloc>>, _held: Spare },
    Gzip(Kept<Gzip>),
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let coding = match self {
            Self::Zstd(_) => Coding::Zstd,
            Self::Brotli { .. } => Coding::Brotli,
            Self::Gzip(_) => Coding::Gzip,
        };
        f.debug_tuple("Encoder").field(&coding).finish()
    }
}

/// The window for content of this length, as a power of two.
pub(super) fn window_log(length: Option<u64>, is_event_stream: bool) -> u32 {
    match length {
        _ if is_event_stream => EVENT_WINDOW_LOG,
        None => WINDOW_LOG_MAX,
        Some(bytes) => (u64::BITS - bytes.saturating_sub(1).leading_zeros())
            .clamp(WINDOW_LOG_MIN, WINDOW_LOG_MAX),
    }
}

impl Encoder {
    /// An encoder that begins; `None` where the memory for it is not to be had.
    pub(super) fn new(coding: Coding, level: u8, window_log: u32) -> Option<Self> {
        match coding {
            Coding::Zstd => zstd(level, window_log).map(Self::Zstd),
            Coding::Brotli => {
                let window_log = brotli_window(level, window_log);
                let _held = Spare::take(brotli_bytes(level, window_log))?;
                Some(Self::Brotli { state: Box::new(brotli(level, window_log)), _held })
            }
            Coding::Gzip => gzip(level).map(Self::Gzip),
        }
    }

    /// Takes content; what becomes of it may come later.
    pub(super) fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        self.run(Step::Process, data, out)
    }

    /// Gives out all that was taken.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        self.run(Step::Flush, b"", out)
    }

    /// Ends the coded content.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        self.run(Step::Finish, b"", out)
    }

    fn run(&mut self, step: Step, data: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        match self {
            Self::Zstd(context) => run_zstd(context.get()?, step, data, out),
            Self::Brotli { state, .. } => run_brotli(state, step, data, out),
            Self::Gzip(gzip) => run_gzip(gzip.get()?, step, data, out),
        }
    }
}

/// Links and heads of chains in zstd's tables, as powers of two, whatever the level asks for.
const ZSTD_TABLE_LOGS_MAX: (u32, u32) = (16, 17);

/// What zstd takes at the most, tables and buffers together.
const fn zstd_bytes(window_log: u32) -> usize {
    let bytes = (24 << window_log) + (96 << 10);
    let most = 1856 << 10;
    if bytes < most { bytes } else { most }
}

fn zstd(level: u8, window_log: u32) -> Option<Kept<CCtx<'static>>> {
    let mut kept = Kept::take(zstd_bytes(window_log), CCtx::try_create)?;
    let context = kept.get().ok()?;
    let (chain_log, hash_log) = ZSTD_TABLE_LOGS_MAX;
    context.reset(ResetDirective::SessionAndParameters).ok()?;
    context.set_parameter(CParameter::CompressionLevel(i32::from(level))).ok()?;
    context.set_parameter(CParameter::WindowLog(window_log)).ok()?;
    if level > 1 {
        context.set_parameter(CParameter::HashLog(hash_log.min(window_log + 1))).ok()?;
        context.set_parameter(CParameter::ChainLog(chain_log.min(window_log))).ok()?;
    }
    Some(kept)
}

fn run_zstd(
    context: &mut CCtx<'static>,
    step: Step,
    data: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Broken> {
    let step = match step {
        Step::Process => ZstdStep::ZSTD_e_continue,
        Step::Flush => ZstdStep::ZSTD_e_flush,
        Step::Finish => ZstdStep::ZSTD_e_end,
    };
    let mut input = InBuffer::around(data);
    loop {
        out.reserve(ROOM_BYTES);
        let position = out.len();
        let mut output = OutBuffer::around_pos(out, position);
        let left = context.compress_stream2(&mut output, &mut input, step).map_err(|_| Broken)?;
        let is_done = match step {
            ZstdStep::ZSTD_e_continue => input.pos() == data.len(),
            _ => left == 0,
        };
        if is_done {
            return Ok(());
        }
    }
}

/// Levels 2 to 6 are used: those below flush badly, those above take tens of MiB. From level 5 on,
/// a small window would make brotli use tables of 32 MiB.
const fn brotli_window(level: u8, window_log: u32) -> u32 {
    if level >= 5 && window_log < 17 { 17 } else { window_log }
}

/// What brotli takes at the most, as measured, rounded up.
const fn brotli_bytes(level: u8, window_log: u32) -> usize {
    let kib = match (level, window_log) {
        (..=4, ..=16) => 2048,
        (..=4, 17) => 3328,
        (..=4, _) => 4608,
        _ => 6400,
    };
    kib << 10
}

fn brotli(level: u8, window_log: u32) -> BrotliEncoderStateStruct<StandardAlloc> {
    let mut state = BrotliEncoderStateStruct::new(StandardAlloc::default());
    let quality = BrotliEncoderParameter::BROTLI_PARAM_QUALITY;
    state.set_parameter(quality, u32::from(level));
    state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_LGWIN, window_log);
    state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_LGBLOCK, 16);
    state
}

fn run_brotli(
    state: &mut BrotliEncoderStateStruct<StandardAlloc>,
    step: Step,
    data: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Broken> {
    let (mut left, mut offset) = (data.len(), 0);
    let operation = || match step {
        Step::Process => BrotliStep::BROTLI_OPERATION_PROCESS,
        Step::Flush => BrotliStep::BROTLI_OPERATION_FLUSH,
        Step::Finish => BrotliStep::BROTLI_OPERATION_FINISH,
    };
    loop {
        let mut end = out.len();
        let mut room = ROOM_BYTES;
        out.resize(end + room, 0);
        let went = state.compress_stream(
            operation(),
            &mut left,
            data,
            &mut offset,
            &mut room,
            out,
            &mut end,
            &mut None,
            &mut |_, _, _, _| (),
        );
        out.truncate(end);
        if !went {
            return Err(Broken);
        }
        let is_done = left == 0 && !state.has_more_output();
        if is_done && (step != Step::Finish || state.is_finished()) {
            return Ok(());
        }
    }
}

/// What gzip takes at the most.
const GZIP_BYTES: usize = 384 << 10;

/// The window of gzip, which is always the largest, as a power of two.
const GZIP_WINDOW_LOG: u8 = 15;

/// An encoder of gzip. Only one that has ended, and keeps its level, begins again cleanly.
pub(super) struct Gzip {
    state: Deflate,
    level: u8,
    has_ended: bool,
}

impl Gzip {
    fn new(level: u8) -> Self {
        let compression = Compression::new(u32::from(level));
        Self { state: Deflate::new_gzip(compression, GZIP_WINDOW_LOG), level, has_ended: true }
    }
}

fn gzip(level: u8) -> Option<Kept<Gzip>> {
    let mut kept = Kept::take(GZIP_BYTES, || Some(Gzip::new(level)))?;
    let gzip = kept.get().ok()?;
    if gzip.level == level && gzip.has_ended {
        gzip.state.reset();
    } else {
        *gzip = Gzip::new(level);
    }
    gzip.has_ended = false;
    Some(kept)
}

fn run_gzip(gzip: &mut Gzip, step: Step, mut data: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
    let flush = match step {
        Step::Process => FlushCompress::None,
        Step::Flush => FlushCompress::Sync,
        Step::Finish => FlushCompress::Finish,
    };
    loop {
        out.reserve(ROOM_BYTES);
        let before = gzip.state.total_in();
        let status = gzip.state.compress_vec(data, out, flush).map_err(|_| Broken)?;
        let taken = (gzip.state.total_in() - before) as usize;
        data = data.get(taken..).ok_or(Broken)?;
        gzip.has_ended = status == Status::StreamEnd;
        let is_done = match step {
            Step::Finish => gzip.has_ended,
            _ => data.is_empty() && out.len() < out.capacity(),
        };
        if is_done {
            return Ok(());
        }
    }
}

/// An encoder that goes back to its worker when dropped.
pub(super) struct Kept<T: Keep>(Option<(T, Spare)>);

/// Encoders that can begin again.
pub(super) trait Keep: Sized + 'static {
    /// The worker's own.
    fn pool() -> &'static LocalKey<RefCell<Vec<(Self, Spare)>>>;
}

impl<T: Keep> Kept<T> {
    fn take(bytes: usize, make: impl FnOnce() -> Option<T>) -> Option<Self> {
        let Some((encoder, mut spare)) = T::pool().with_borrow_mut(Vec::pop) else {
            let spare = Spare::take(bytes)?;
            return Some(Self(Some((make()?, spare))));
        };
        // It may have been a smaller one. If it cannot grow, it goes.
        spare.grow(bytes).then(|| Self(Some((encoder, spare))))
    }

    fn get(&mut self) -> Result<&mut T, Broken> {
        self.0.as_mut().map(|(encoder, _)| encoder).ok_or(Broken)
    }
}

impl<T: Keep> Drop for Kept<T> {
    fn drop(&mut self) {
        let Some(kept) = self.0.take() else { return };
        // At thread end the pool may be gone already; then the encoder just goes.
        let _ = T::pool().try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < KEPT_MAX {
                pool.push(kept);
            }
        });
    }
}

thread_local! {
    static ZSTD: RefCell<Vec<(CCtx<'static>, Spare)>> = const { RefCell::new(Vec::new()) };
    static GZIP: RefCell<Vec<(Gzip, Spare)>> = const { RefCell::new(Vec::new()) };
}

impl Keep for CCtx<'static> {
    fn pool() -> &'static LocalKey<RefCell<Vec<(Self, Spare)>>> {
        &ZSTD
    }
}

impl Keep for Gzip {
    fn pool() -> &'static LocalKey<RefCell<Vec<(Self, Spare)>>> {
        &GZIP
    }
}

#[cfg(test)]
mod tests;
