//! Heads kept for the next exchange: a warm worker allocates nothing for a message.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::thread::LocalKey;

use http1::{RequestHead, ResponseHead};

/// Items a worker keeps of each kind.
const POOLED_MAX: usize = 256;

/// Bytes of field memory that a kept head may hold; a larger head gives the rest back.
const HEAD_BYTES_KEPT_MAX: usize = 4 * 1024;

/// Fields that a kept head has room for.
const FIELDS_KEPT_MAX: usize = 64;

/// Something whose memory is worth keeping.
pub trait Recycle: Default + 'static {
    /// The worker's pool of such items.
    fn pool() -> &'static LocalKey<RefCell<Vec<Self>>>;
    /// Forgets the content and gives excess memory back.
    fn reset(&mut self);
}

/// An item that goes back to its worker's pool when dropped.
#[derive(Debug)]
pub struct Recycled<T: Recycle>(T);

impl<T: Recycle> Recycled<T> {
    /// A cleared item, with warm memory if the pool has one.
    #[must_use]
    pub fn take() -> Self {
        Self(T::pool().with_borrow_mut(Vec::pop).unwrap_or_default())
    }
}

impl<T: Recycle> Deref for Recycled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Recycle> DerefMut for Recycled<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Recycle> Drop for Recycled<T> {
    fn drop(&mut self) {
        let mut item = std::mem::take(&mut self.0);
        item.reset();
        // At thread end the pool may be gone already; then the item just goes.
        let _ = T::pool().try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOLED_MAX {
                pool.push(item);
            }
        });
    }
}

thread_local! {
    static REQUESTS: RefCell<Vec<RequestHead>> = const { RefCell::new(Vec::new()) };
    static RESPONSES: RefCell<Vec<ResponseHead>> = const { RefCell::new(Vec::new()) };
    static BYTES: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

impl Recycle for RequestHead {
    fn pool() -> &'static LocalKey<RefCell<Vec<Self>>> {
        &REQUESTS
    }

    fn reset(&mut self) {
        self.clear();
        self.target.shrink_to(HEAD_BYTES_KEPT_MAX);
        self.authority.shrink_to(HEAD_BYTES_KEPT_MAX);
        self.headers.shrink_to(HEAD_BYTES_KEPT_MAX, FIELDS_KEPT_MAX);
    }
}

impl Recycle for ResponseHead {
    fn pool() -> &'static LocalKey<RefCell<Vec<Self>>> {
        &RESPONSES
    }

    fn reset(&mut self) {
        self.clear();
        self.reason.shrink_to(HEAD_BYTES_KEPT_MAX);
        self.headers.shrink_to(HEAD_BYTES_KEPT_MAX, FIELDS_KEPT_MAX);
    }
}

impl Recycle for Vec<u8> {
    fn pool() -> &'static LocalKey<RefCell<Vec<Self>>> {
        &BYTES
    }

    fn reset(&mut self) {
        self.clear();
        self.shrink_to(HEAD_BYTES_KEPT_MAX);
    }
}
