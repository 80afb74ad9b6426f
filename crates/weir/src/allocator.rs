//! The allocator: quick at many small, short-lived buffers on several threads.

#![allow(unsafe_code, reason = "the allocator's own functions are foreign")]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Gives freed memory of this thread back to the system. The allocator does so by itself only
/// while it is being used, which an idle worker does not do.
pub(crate) fn give_back() {
    // SAFETY: the function takes no pointer, may be called from any thread at any time, and only
    // looks after the calling thread's own heap.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_in_use_survives_giving_back() {
        let kept = vec![7_u8; 1 << 20];
        drop(vec![1_u8; 8 << 20]);
        super::give_back();
        assert!(kept.iter().all(|byte| *byte == 7));
    }
}
