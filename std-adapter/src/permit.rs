//! Leave to make one call, by hand.

use std::borrow::Borrow;
use std::fmt;
use std::time::Duration;
#[cfg(feature = "metrics")]
use std::time::Instant;

use microbreaker::Token;

use crate::breaker::Inner;
use crate::engine::Engine;
use crate::{Breaker, Outcome, Rejected, millis};
#[cfg(feature = "metrics")]
use crate::{timing::duration, watch::Audience};

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
    token: Option<Token>,
    started: u32,
    took: Option<u32>,
    /// The number of the engine that gave it.
    engine: usize,
    /// When it was given, if durations are measured.
    #[cfg(feature = "metrics")]
    began: Option<Instant>,
}

impl<B: Borrow<Breaker>> Permit<B> {
    #[inline]
    pub(crate) fn acquire(breaker: B) -> Result<Self, Rejected> {
        let Inner { engines, audience, .. } = breaker.borrow().inner();
        #[cfg(not(feature = "metrics"))]
        let _ = audience;
        loop {
            let engine = engines.current();
            match engines.engine(engine).try_acquire() {
                Ok((token, started)) => {
                    return Ok(Self {
                        token: Some(token),
                        started,
                        took: None,
                        engine,
                        #[cfg(feature = "metrics")]
                        began: audience.durations.begin(),
                        breaker,
                    });
                }
                // One that is not in use any more refuses, but that is no answer.
                Err(_) if engines.current() != engine => {}
                Err(rejected) => return Err(breaker.borrow().rejected(rejected)),
            }
        }
    }

    /// The breaker that gave it.
    pub fn breaker(&self) -> &Breaker {
        self.breaker.borrow()
    }

    /// The call took this long, whatever the clock says.
    pub fn took(mut self, time: Duration) -> Self {
        self.took = Some(millis(time));
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
    fn engine(&self) -> &Engine {
        self.breaker.borrow().inner().engines.engine(self.engine)
    }

    #[inline]
    fn complete(&mut self, outcome: microbreaker::Outcome) {
        if let Some(token) = self.token.take() {
            #[cfg(feature = "metrics")]
            if let Some(began) = self.began {
                let took = self.took.map_or_else(|| began.elapsed(), duration);
                let Audience { name, durations, .. } = &*self.breaker.borrow().inner().audience;
                durations.record(name, outcome, took);
            }
            self.engine().complete(token, self.started, self.took, outcome);
        }
    }
}

impl<B: Borrow<Breaker>> Drop for Permit<B> {
    #[inline]
    fn drop(&mut self) {
        if self.token.is_some() {
            self.complete(self.engine().abandoned());
        }
    }
}

impl<B: Borrow<Breaker>> fmt::Debug for Permit<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(self.breaker().name()).finish()
    }
}
