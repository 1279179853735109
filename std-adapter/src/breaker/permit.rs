//! Leave to make one call, by hand.

use std::borrow::Borrow;
use std::fmt;
use std::time::Duration;

use super::{Breaker, Inner};
use crate::classify::Outcome;
use crate::clock::millis;
use crate::engine::versions::Grant;
use crate::error::Rejected;
use crate::telemetry::series::Stopwatch;

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
    stopwatch: Stopwatch,
}

impl Breaker {
    /// Asks for leave to make one call by hand; the outcome goes to the permit.
    ///
    /// # Errors
    ///
    /// The breaker refuses.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<&Self>, Rejected> {
        Permit::acquire(self)
    }

    /// The same with a permit that can be sent anywhere.
    ///
    /// # Errors
    ///
    /// The breaker refuses.
    pub fn try_acquire_owned(&self) -> Result<Permit, Rejected> {
        Permit::acquire(self.clone())
    }
}

impl<B: Borrow<Breaker>> Permit<B> {
    #[inline]
    fn acquire(breaker: B) -> Result<Self, Rejected> {
        let inner = breaker.borrow().inner();
        match inner.engines.acquire() {
            Ok(grant) => {
                let stopwatch = inner.telemetry.series.start();
                Ok(Self { grant: Some(grant), took: None, stopwatch, breaker })
            }
            Err(rejected) => Err(breaker.borrow().rejected(rejected)),
        }
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
            let Inner { engines, telemetry, .. } = self.breaker.borrow().inner();
            telemetry.series.stop(self.stopwatch, &telemetry.name, self.took, outcome);
            engines.end(grant, self.took.map(millis), outcome);
        }
    }
}

impl<B: Borrow<Breaker>> Drop for Permit<B> {
    #[inline]
    fn drop(&mut self) {
        if let Some(grant) = self.grant {
            self.complete(self.breaker().inner().engines.abandoned(grant));
        }
    }
}

impl<B: Borrow<Breaker>> fmt::Debug for Permit<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(self.breaker().name()).finish()
    }
}
