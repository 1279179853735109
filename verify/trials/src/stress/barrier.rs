//! Makes workers wait for each other.

use core::sync::atomic::{AtomicU32, Ordering};

pub(super) struct Barrier {
    workers: u32,
    pause: fn(),
    waiting: AtomicU32,
    passed: AtomicU32,
}

impl Barrier {
    pub(super) const fn new(workers: u32, pause: fn()) -> Self {
        Self { workers, pause, waiting: AtomicU32::new(0), passed: AtomicU32::new(0) }
    }

    /// Returns once every worker has called it. Each then sees what all of them did before.
    pub(super) fn wait(&self) {
        let passed = self.passed.load(Ordering::Acquire);
        if self.waiting.fetch_add(1, Ordering::AcqRel) + 1 == self.workers {
            self.waiting.store(0, Ordering::Relaxed);
            self.passed.store(passed.wrapping_add(1), Ordering::Release);
        }
        while self.passed.load(Ordering::Acquire) == passed {
            (self.pause)();
        }
    }
}
