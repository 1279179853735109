//! A breaker in a registry, and its eviction.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};

use crate::breaker::Breaker;

pub(super) struct Entry {
    pub(super) breaker: Breaker,
    /// The tick at which it was last asked for.
    pub(super) asked: AtomicU32,
    /// Whether it is to be evicted unless somebody holds it.
    leaving: AtomicBool,
}

impl Entry {
    pub(super) fn new(breaker: Breaker, now: u32) -> Self {
        Self { breaker, asked: AtomicU32::new(now), leaving: AtomicBool::new(false) }
    }

    /// Its breaker, unless that is about to be evicted: who holds one must find the
    /// same one again.
    pub(super) fn handle(&self) -> Option<Breaker> {
        let breaker = self.breaker.clone();
        // Either this sees that it is leaving, or `leave` sees the handle.
        fence(Ordering::SeqCst);
        (!self.leaving.load(Ordering::Relaxed)).then_some(breaker)
    }

    /// Lets nobody have a handle any more, unless somebody has one.
    pub(super) fn leave(&self) -> bool {
        self.leaving.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let leaves = !self.breaker.is_held();
        self.leaving.store(leaves, Ordering::Relaxed);
        leaves
    }

    /// Its breaker, which is not the registry's any more.
    pub(super) fn taken_out(&self) -> Breaker {
        self.breaker.withdraw();
        self.breaker.clone()
    }
}
