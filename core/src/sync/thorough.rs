//! loom's atomics, with every schedule explored.
//!
//! To find races between accesses, loom 0.7 remembers only the last access to each
//! atomic. A thread that loads and then swaps, as every loop here does, therefore
//! hides other threads' loads from the search, and loom skips schedules
//! (<https://github.com/tokio-rs/loom/issues/392>). This wrapper puts a relaxed swap
//! of a shadow atomic, which orders nothing, before each access. All accesses to the
//! shadow are swaps, and for those remembering the last one is enough.

use loom::sync::atomic::{self, Ordering};

#[derive(Debug)]
pub(crate) struct AtomicU32 {
    value: atomic::AtomicU32,
    shadow: atomic::AtomicBool,
}

impl AtomicU32 {
    pub(crate) fn new(value: u32) -> Self {
        Self { value: atomic::AtomicU32::new(value), shadow: atomic::AtomicBool::new(false) }
    }

    fn shown(&self) -> &atomic::AtomicU32 {
        self.shadow.swap(false, Ordering::Relaxed);
        &self.value
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.shown().load(order)
    }

    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.shown().store(value, order);
    }

    pub(crate) fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        self.shown().fetch_add(value, order)
    }

    pub(crate) fn compare_exchange(
        &self,
        from: u32,
        to: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        self.shown().compare_exchange(from, to, success, failure)
    }
}
