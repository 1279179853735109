//! Leave for a probe, which the observer gets back.

use core::mem;

use super::{Observer, Outcome};

/// A probe that an observer has lent. Dropped, it ends without an answer: it did not go
/// out after all, or the clock or the observer has panicked.
pub(crate) struct Lent<'a, O: Observer>(&'a O);

impl<'a, O: Observer> Lent<'a, O> {
    /// Asks `observer` for a probe.
    pub(crate) fn by(observer: &'a O) -> Option<Self> {
        observer.lend_probe().then(|| Self(observer))
    }

    /// One that `observer` has lent before.
    #[inline]
    pub(crate) const fn before(observer: &'a O) -> Self {
        Self(observer)
    }

    /// It goes out, or stays out.
    #[inline]
    pub(crate) const fn keep(self) {
        mem::forget(self);
    }

    #[inline]
    pub(crate) fn end(self, outcome: Outcome, stale: bool) {
        let Self(observer) = self;
        mem::forget(self);
        observer.probe_ended(outcome, stale);
    }
}

impl<O: Observer> Drop for Lent<'_, O> {
    fn drop(&mut self) {
        self.0.probe_ended(Outcome::Ignored, false);
    }
}
