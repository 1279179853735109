//! A breaker in a registry, and its eviction.

use crate::breaker::Breaker;
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};

pub(super) struct Entry {
    pub(super) breaker: Breaker,
    /// The tick at which it was last requested.
    pub(super) requested: AtomicU32,
    /// Whether it is to be evicted unless there is a handle to it.
    leaving: AtomicBool,
}

impl Entry {
    pub(super) fn new(breaker: Breaker, now: u32) -> Self {
        Self { breaker, requested: AtomicU32::new(now), leaving: AtomicBool::new(false) }
    }

    /// A handle to its breaker, unless that is about to be evicted: a caller that holds
    /// a breaker must find the same one again.
    pub(super) fn handle(&self) -> Option<Breaker> {
        let breaker = self.breaker.clone();
        // Pairs with the fence in `leave`: either this sees that the breaker is leaving,
        // or `leave` sees the handle.
        fence(Ordering::SeqCst);
        (!self.leaving.load(Ordering::Relaxed)).then_some(breaker)
    }

    /// Gives out no more handles, unless there is one already or `may` says no, which is
    /// asked while there is none. Returns whether it leaves.
    pub(super) fn leave(&self, may: impl FnOnce() -> bool) -> bool {
        let stays = Stays(&self.leaving);
        self.leaving.store(true, Ordering::Relaxed);
        // Pairs with the fence in `handle`.
        fence(Ordering::SeqCst);
        let leaves = !self.breaker.is_held() && may();
        if leaves {
            std::mem::forget(stays);
        }
        leaves
    }

    /// The breaker of an entry that was removed.
    pub(super) fn removed(&self) -> Breaker {
        self.breaker.withdraw();
        self.breaker.clone()
    }
}

/// Lets the entry stay when it is dropped, also by a panic.
struct Stays<'a>(&'a AtomicBool);

impl Drop for Stays<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
