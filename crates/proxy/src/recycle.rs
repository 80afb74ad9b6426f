//! Heads kept for the next exchange: a warm worker allocates nothing for a message.

#![expect(clippy::vec_box, reason = "the boxes are what is kept: they go out and come back")]

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::thread::LocalKey;

use http1::{RequestHead, ResponseHead};

use crate::middleware::Memo;
use crate::route::captures::Captures;

/// Items a worker keeps of each kind.
const POOLED_MAX: usize = 256;

/// Bytes of field memory that a kept head may hold; a larger head gives the rest back.
const HEAD_BYTES_KEPT_MAX: usize = 8 * 1024;

/// Fields that a kept head has room for.
const FIELDS_KEPT_MAX: usize = 64;

/// Items of one kind that a worker keeps.
pub type Pool<T> = LocalKey<RefCell<Vec<Box<T>>>>;

/// Something whose memory is worth keeping.
pub trait Recycle: Default + 'static {
    /// The worker's pool of such items.
    fn pool() -> &'static Pool<Self>;
    /// Forgets the content and gives excess memory back.
    fn reset(&mut self);
}

/// An item that goes back to its worker's pool when dropped. It is boxed, so that handing it on
/// moves a pointer and not the item.
#[derive(Debug)]
pub struct Recycled<T: Recycle>(Option<Box<T>>);

impl<T: Recycle> Recycled<T> {
    /// A cleared item, with warm memory if the pool has one.
    #[must_use]
    pub fn take() -> Self {
        Self(Some(T::pool().with_borrow_mut(Vec::pop).unwrap_or_default()))
    }
}

impl<T: Recycle> Deref for Recycled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or_else(|| unreachable!("taken only when dropped"))
    }
}

impl<T: Recycle> DerefMut for Recycled<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_deref_mut().unwrap_or_else(|| unreachable!("taken only when dropped"))
    }
}

impl<T: Recycle> Drop for Recycled<T> {
    fn drop(&mut self) {
        let Some(mut item) = self.0.take() else { return };
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
    static REQUESTS: RefCell<Vec<Box<RequestHead>>> = const { RefCell::new(Vec::new()) };
    static RESPONSES: RefCell<Vec<Box<ResponseHead>>> = const { RefCell::new(Vec::new()) };
    static BYTES: RefCell<Vec<Box<Vec<u8>>>> = const { RefCell::new(Vec::new()) };
    static MEMOS: RefCell<Vec<Box<Vec<Memo>>>> = const { RefCell::new(Vec::new()) };
    static CAPTURES: RefCell<Vec<Box<Captures>>> = const { RefCell::new(Vec::new()) };
}

impl Recycle for Captures {
    fn pool() -> &'static Pool<Self> {
        &CAPTURES
    }

    fn reset(&mut self) {
        self.clear();
    }
}

impl Recycle for Vec<Memo> {
    fn pool() -> &'static Pool<Self> {
        &MEMOS
    }

    fn reset(&mut self) {
        self.clear();
    }
}

impl Recycle for RequestHead {
    fn pool() -> &'static Pool<Self> {
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
    fn pool() -> &'static Pool<Self> {
        &RESPONSES
    }

    fn reset(&mut self) {
        self.clear();
        self.reason.shrink_to(HEAD_BYTES_KEPT_MAX);
        self.headers.shrink_to(HEAD_BYTES_KEPT_MAX, FIELDS_KEPT_MAX);
    }
}

impl Recycle for Vec<u8> {
    fn pool() -> &'static Pool<Self> {
        &BYTES
    }

    fn reset(&mut self) {
        self.clear();
        self.shrink_to(HEAD_BYTES_KEPT_MAX);
    }
}
