//! Leave to make one call, by hand.

use std::borrow::Borrow;
use std::fmt;
use std::time::{Duration, Instant};

use crate::breaker::Breaker;
use crate::breaker::grant::Grant;
use crate::classify::Outcome;
use crate::error::Rejected;

/// Leave to make one call, consumed by its outcome.
///
/// Dropped without one the call counts as abandoned: the permit is handed back
/// and nothing is recorded, unless
/// [`abandoned_fails`](crate::Builder::abandoned_fails). Also if it is dropped
/// by a panic: only [`call`](Breaker::call) and its kind know that it was the
/// call which panicked.
///
/// `Permit<&Breaker>` borrows the breaker and costs nothing; `Permit` owns a
/// handle and may go anywhere.
#[must_use = "a permit that is dropped at once abandons the call it was given for"]
pub struct Permit<B: Borrow<Breaker> = Breaker> {
    breaker: B,
    /// `None` once it was consumed.
    grant: Option<Grant>,
    took: Option<Duration>,
    began: Option<Instant>,
}

impl<B: Borrow<Breaker>> Permit<B> {
    #[inline]
    pub(crate) fn acquire(breaker: B) -> Result<Self, Rejected> {
        let grant = breaker.borrow().grant()?;
        Ok(Self { grant: Some(grant), took: None, began: breaker.borrow().began(), breaker })
    }

    /// The breaker that gave it.
    pub fn breaker(&self) -> &Breaker {
        self.breaker.borrow()
    }

    /// The call took this long, whatever the clock says.
    pub fn took(mut self, time: Duration) -> Self {
        self.took = Some(time);
        self
    }

    /// The call did what it should.
    #[inline]
    pub fn success(self) {
        self.finish(Outcome::Success);
    }

    /// The call failed.
    #[inline]
    pub fn failure(self) {
        self.finish(Outcome::Failure);
    }

    /// The call says nothing about what is guarded.
    #[inline]
    pub fn ignore(self) {
        self.finish(Outcome::Ignored);
    }

    /// The call ended with `outcome`. One of an earlier phase changes nothing.
    #[inline]
    pub fn finish(mut self, outcome: Outcome) {
        self.complete(outcome.in_ticks());
    }

    #[inline]
    pub(crate) fn complete(&mut self, outcome: microbreaker::Outcome) {
        if let Some(grant) = self.grant.take() {
            let breaker = self.breaker.borrow();
            breaker.measure(self.began, self.took, outcome);
            breaker.end(grant, self.took, outcome);
        }
    }
}

impl<B: Borrow<Breaker>> Drop for Permit<B> {
    #[inline]
    fn drop(&mut self) {
        if let Some(grant) = self.grant {
            self.complete(self.breaker().abandoned(grant));
        }
    }
}

impl<B: Borrow<Breaker>> fmt::Debug for Permit<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(self.breaker().name()).finish()
    }
}
