//! Permits for calls made by hand.

use std::borrow::Borrow;
use std::fmt;
use std::time::Duration;

use super::{Breaker, Inner};
use crate::classify::Outcome;
use crate::clock::millis;
use crate::engine::versions::Grant;
use crate::error::Rejected;
use crate::telemetry::timer::Stopwatch;

/// Permission to make one call, consumed by the call's outcome.
///
/// A permit that is dropped without an outcome abandons its call: the permit is
/// handed back and nothing is recorded, unless
/// [`abandoned`](crate::Builder::abandoned) says otherwise. That holds for a
/// drop during a panic too: only [`call`](Breaker::call) and its variants know that
/// the call itself panicked.
///
/// `Permit<&Breaker>` borrows the breaker and costs nothing extra. `Permit` owns a
/// handle and can be sent anywhere.
///
/// ```
/// use microbreaker_std::{Breaker, Phase};
/// use std::thread;
///
/// let jobs = Breaker::builder("jobs")
///     .consecutive_failures(1)
///     .open_for(std::time::Duration::from_secs(30))
///     .build()?;
///
/// let permit = jobs.try_acquire_owned()?;
/// let worker = thread::spawn(move || match "x".parse::<u32>() {
///     Ok(_) => permit.success(),
///     Err(_) => permit.failure(),
/// });
/// worker.join().unwrap();
/// assert_eq!(jobs.phase(), Phase::Open);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a permit that is dropped at once abandons the call it was given for"]
pub struct Permit<B: Borrow<Breaker> = Breaker> {
    breaker: B,
    /// `None` once the permit is consumed.
    grant: Option<Grant>,
    took: Option<Duration>,
    stopwatch: Stopwatch,
}

impl Breaker {
    /// Asks for a permit to make one call by hand, and to report its outcome.
    ///
    /// # Errors
    ///
    /// If the breaker refuses.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<&Self>, Rejected> {
        Permit::acquire(self)
    }

    /// [`try_acquire`](Self::try_acquire) for a permit that can be sent anywhere.
    ///
    /// # Errors
    ///
    /// If the breaker refuses.
    pub fn try_acquire_owned(&self) -> Result<Permit, Rejected> {
        self.clone().into_permit()
    }

    /// Turns the handle into a permit.
    pub(crate) fn into_permit(self) -> Result<Permit, Rejected> {
        Permit::acquire(self)
    }
}

impl<B: Borrow<Breaker>> Permit<B> {
    #[inline(always)]
    fn acquire(breaker: B) -> Result<Self, Rejected> {
        match breaker.borrow().inner().engines.acquire_at_once() {
            Ok(grant) => Ok(Self::granted(breaker, grant)),
            Err(Some(rejected)) => Err(breaker.borrow().rejected(rejected)),
            Err(None) => Self::acquire_otherwise(breaker),
        }
    }

    #[inline(never)]
    fn acquire_otherwise(breaker: B) -> Result<Self, Rejected> {
        match breaker.borrow().inner().engines.acquire() {
            Ok(grant) => Ok(Self::granted(breaker, grant)),
            Err(rejected) => Err(breaker.borrow().rejected(rejected)),
        }
    }

    /// Asks for a permit. That the breaker refuses is not reported.
    pub(crate) fn acquire_quietly(breaker: B) -> Option<Self> {
        let engines = &breaker.borrow().inner().engines;
        let grant = match engines.acquire_at_once() {
            Ok(grant) => grant,
            Err(Some(_)) => return None,
            Err(None) => engines.acquire_quietly().ok()?,
        };
        Some(Self::granted(breaker, grant))
    }

    /// The permit for a call that begins now.
    #[inline(always)]
    pub(super) fn granted(breaker: B, grant: Grant) -> Self {
        let stopwatch = breaker.borrow().inner().telemetry.timer.start();
        Self { grant: Some(grant), took: None, stopwatch, breaker }
    }

    /// The breaker that gave the permit.
    pub fn breaker(&self) -> &Breaker {
        self.breaker.borrow()
    }

    /// Sets how long the call took, in place of what the clock says.
    pub fn took(mut self, time: Duration) -> Self {
        self.took = Some(time);
        self
    }

    /// Ends the call as a success.
    #[inline]
    pub fn success(self) {
        self.finish(Outcome::Success);
    }

    /// Ends the call as a failure.
    #[inline]
    pub fn failure(self) {
        self.finish(Outcome::Failure);
    }

    /// Ends the call as one that says nothing about the service.
    #[inline]
    pub fn ignore(self) {
        self.finish(Outcome::Ignored);
    }

    /// Ends the call with `outcome`. It changes nothing if the phase in which the call
    /// began is over.
    #[inline]
    pub fn finish(mut self, outcome: Outcome) {
        self.complete(outcome.in_ticks());
    }

    /// Whether the call is slow by now.
    #[cfg(any(all(feature = "http", feature = "tower"), feature = "reqwest"))]
    pub(crate) fn is_slow(&self) -> bool {
        self.grant.is_some_and(|grant| self.breaker().inner().engines.is_slow(grant))
    }

    /// Out of line: most permits are consumed.
    #[inline(never)]
    fn abandon(&mut self, grant: Grant) {
        let engines = &self.breaker().inner().engines;
        self.complete(engines.abandoned(grant, self.took.map(millis)));
    }

    #[inline(always)]
    pub(crate) fn complete(&mut self, outcome: microbreaker::Outcome) {
        if let Some(grant) = self.grant.take() {
            let Inner { engines, telemetry, .. } = self.breaker.borrow().inner();
            telemetry.stop(self.stopwatch, self.took, outcome);
            engines.end(grant, self.took.map(millis), outcome);
        }
    }
}

impl<B: Borrow<Breaker>> Drop for Permit<B> {
    #[inline]
    fn drop(&mut self) {
        if let Some(grant) = self.grant {
            self.abandon(grant);
        }
    }
}

impl<B: Borrow<Breaker>> fmt::Debug for Permit<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(self.breaker().name()).finish()
    }
}
