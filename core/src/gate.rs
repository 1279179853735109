//! Gates, which admit or refuse calls, and the permits they give.

mod future;

use core::fmt;
use core::future::Future;
use core::mem;

use crate::error::{CallError, Rejected};
use crate::event::Outcome;
use crate::token::Token;
use future::GuardedCall;

/// Admits or refuses calls, and is told how they end.
///
/// [`Breaker`](crate::Breaker) and [`Throttle`](crate::Throttle) are gates; code
/// that is generic over `Gate` takes either.
///
/// ```
/// use microbreaker::{Breaker, Config, Gate, ShortWindow, Throttle, ThrottleConfig};
///
/// /// The reading, or the last one.
/// fn read(gate: &impl Gate, last: &mut u32, sensor: fn() -> Result<u32, ()>) -> u32 {
///     if let Ok(value) = gate.call(sensor) {
///         *last = value;
///     }
///     *last
/// }
///
/// let breaker = Breaker::new(Config::new().consecutive_failures(3).open_for(500), (), || 0);
/// let config = ThrottleConfig::new(0x5eed).last_calls(20);
/// let throttle = Throttle::new(config, ShortWindow::new(), || 0);
/// let mut last = 0;
/// assert_eq!(read(&breaker, &mut last, || Ok(21)), 21);
/// assert_eq!(read(&throttle, &mut last, || Err(())), 21);
/// ```
pub trait Gate: Sized {
    /// Asks for permission to make one call.
    ///
    /// # Errors
    ///
    /// [`Rejected`], with the phase that refused the call and, if known, the ticks until it
    /// is worth asking again.
    fn try_acquire(&self) -> Result<Permit<'_, Self>, Rejected>;

    /// Ends the call of `token`, started at tick `started`, with `outcome`.
    /// [`Permit::finish`] calls this.
    ///
    /// `took` is the call's duration in ticks if the caller measured it itself; it
    /// takes precedence over the gate's clock.
    fn complete(&self, token: Token, started: u32, took: Option<u32>, outcome: Outcome);

    /// The outcome of a call whose permit is dropped without one. The parameters are
    /// those of [`complete`](Self::complete).
    fn abandoned(&self, token: Token, started: u32, took: Option<u32>) -> Outcome;

    /// Makes a guarded call and lets `classify` turn its result into an outcome.
    ///
    /// Unwinding counts as a failure.
    ///
    /// # Errors
    ///
    /// The call's own error, or [`CallError::Rejected`] if it was refused and never made.
    #[inline]
    fn call_classified<T, E>(
        &self,
        f: impl FnOnce() -> Result<T, E>,
        classify: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> Result<T, CallError<E>> {
        self.try_acquire()?.call_classified(f, classify).map_err(CallError::Failed)
    }

    /// Makes a guarded call. An `Err` or unwinding counts as a failure.
    ///
    /// # Errors
    ///
    /// The call's own error, or [`CallError::Rejected`] if it was refused and never made.
    #[inline]
    fn call<T, E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_classified(f, errors_fail)
    }

    /// Makes a guarded call of a future and lets `classify` turn its result into an
    /// outcome.
    ///
    /// The first poll asks the gate, and polls `call` only if it is admitted. Dropped
    /// half-way, the call is [abandoned](Self::abandoned). Unwinding counts as a failure.
    /// Needs no runtime and allocates nothing: the future is as large as `call`, a permit
    /// and what `classify` captures.
    ///
    /// # Errors
    ///
    /// The call's own error, or [`CallError::Rejected`] if it was refused and never made.
    ///
    /// # Panics
    ///
    /// If it is polled again after it has ended.
    #[inline]
    fn call_async_classified<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        classify: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> impl Future<Output = Result<T, CallError<E>>> {
        GuardedCall::new(self, call, classify)
    }

    /// Makes a guarded call of a future, as
    /// [`call_async_classified`](Self::call_async_classified) does. An `Err` or unwinding
    /// counts as a failure.
    ///
    /// # Errors
    ///
    /// The call's own error, or [`CallError::Rejected`] if it was refused and never made.
    ///
    /// # Panics
    ///
    /// If it is polled again after it has ended.
    #[inline]
    fn call_async<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, CallError<E>>> {
        self.call_async_classified(call, errors_fail)
    }
}

/// The classifier of calls that have none.
#[inline]
const fn errors_fail<T, E>(result: &Result<T, E>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Failure,
    }
}

impl<G: Gate> Gate for &G {
    #[inline]
    fn try_acquire(&self) -> Result<Permit<'_, Self>, Rejected> {
        (**self).try_acquire().map(|permit| permit.through(self))
    }

    #[inline]
    fn complete(&self, token: Token, started: u32, took: Option<u32>, outcome: Outcome) {
        (**self).complete(token, started, took, outcome);
    }

    fn abandoned(&self, token: Token, started: u32, took: Option<u32>) -> Outcome {
        (**self).abandoned(token, started, took)
    }
}

/// Permission to make one call, consumed by the call's outcome.
///
/// Dropping it without an outcome cancels the call: the permit is handed back and
/// nothing is recorded, unless [`Config::abandoned_fails`](crate::Config::abandoned_fails)
/// or [`Config::abandoned_by_time`](crate::Config::abandoned_by_time) is set.
/// [`into_token`](Self::into_token) turns it into a plain integer for a call that ends in
/// another context.
///
/// ```
/// use microbreaker::{Breaker, Config, ShortWindow};
///
/// let config = Config::new().failures_in_window(5).last_calls(16).open_for(500);
/// let breaker = Breaker::new(config, ShortWindow::new(), || 0);
///
/// let permit = breaker.try_acquire()?;
/// match "21".parse::<u32>() {
///     Ok(_) => permit.success(),
///     Err(_) => permit.failure(),
/// }
/// drop(breaker.try_acquire()?); // cancelled
/// assert_eq!(breaker.tally().calls, 1);
/// # Ok::<(), microbreaker::Rejected>(())
/// ```
#[must_use = "a permit that is dropped at once cancels the call it was given for"]
pub struct Permit<'a, G: Gate> {
    gate: &'a G,
    token: Token,
    started: u32,
    took: Option<u32>,
}

impl<'a, G: Gate> Permit<'a, G> {
    #[inline]
    pub(crate) const fn new(gate: &'a G, token: Token) -> Self {
        Self { gate, token, started: 0, took: None }
    }

    /// Sets the tick at which the call started.
    #[inline]
    pub(crate) const fn started_at(mut self, tick: u32) -> Self {
        self.started = tick;
        self
    }

    /// The same permit, as given by a reference to its gate.
    pub(crate) fn through<'b>(self, gate: &'b &'a G) -> Permit<'b, &'a G> {
        let Self { token, started, took, .. } = self;
        mem::forget(self);
        Permit { gate, token, started, took }
    }

    /// Reports that the call succeeded.
    #[inline]
    pub fn success(self) {
        self.finish(Outcome::Success);
    }

    /// Reports that the call failed.
    #[inline]
    pub fn failure(self) {
        self.finish(Outcome::Failure);
    }

    /// Reports that the call says nothing about the callee's health: nothing is counted.
    #[inline]
    pub fn ignore(self) {
        self.finish(Outcome::Ignored);
    }

    pub(crate) const fn token(&self) -> Token {
        self.token
    }

    /// Whether the call is a probe, that is, given out while half-open. If so, this is
    /// the moment to reinitialise a device before calling it.
    #[must_use]
    #[inline]
    pub const fn is_probe(&self) -> bool {
        self.token.is_probe()
    }

    /// The tick at which the permit was given if slow calls are watched, else 0.
    /// [`Gate::complete`] needs it along with the token.
    #[must_use]
    #[inline]
    pub const fn started(&self) -> u32 {
        self.started
    }

    /// Sets the call's duration to `ticks`, whatever the gate's clock says.
    pub const fn took(mut self, ticks: u32) -> Self {
        self.took = Some(ticks);
        self
    }

    /// Reports that the call ended with `outcome`.
    ///
    /// Lock-free. A stale outcome, from a permit whose tenure is over, changes
    /// nothing. The one exception: a permit that outlives exactly a multiple of 256
    /// generations is mistaken for a fresh one.
    #[inline]
    pub fn finish(self, outcome: Outcome) {
        let Self { gate, token, started, took } = self;
        mem::forget(self);
        gate.complete(token, started, took, outcome);
    }

    /// Makes the permitted call and lets `classify` turn its result into an outcome.
    /// Unwinding counts as a failure.
    ///
    /// # Errors
    ///
    /// The call's own error.
    #[inline]
    pub fn call_classified<T, E>(
        self,
        f: impl FnOnce() -> Result<T, E>,
        classify: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> Result<T, E> {
        let in_call = InCall::new(self);
        let result = f();
        let outcome = classify(&result);
        in_call.finish(outcome);
        result
    }

    /// Turns the permit into a plain integer without handing it back.
    #[must_use = "a token that is lost is a call that never reports"]
    #[inline]
    pub fn into_token(self) -> Token {
        let token = self.token;
        mem::forget(self);
        token
    }
}

impl<G: Gate> Drop for Permit<'_, G> {
    fn drop(&mut self) {
        let Self { gate, token, started, took } = *self;
        gate.complete(token, started, took, gate.abandoned(token, started, took));
    }
}

impl<G: Gate> fmt::Debug for Permit<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.token.to_bits()).finish()
    }
}

/// A call in progress: unwinding through it counts as a failure.
///
/// It holds a permit's fields one by one, so that all of them stay in registers.
struct InCall<'a, G: Gate> {
    gate: &'a G,
    token: Token,
    started: u32,
    took: Option<u32>,
}

impl<'a, G: Gate> InCall<'a, G> {
    #[inline]
    fn new(permit: Permit<'a, G>) -> Self {
        let Permit { gate, token, started, took } = permit;
        mem::forget(permit);
        Self { gate, token, started, took }
    }

    #[inline]
    fn finish(self, outcome: Outcome) {
        let Self { gate, token, started, took } = self;
        mem::forget(self);
        gate.complete(token, started, took, outcome);
    }

    /// The permit, while the call waits.
    #[inline]
    fn pause(self) -> Permit<'a, G> {
        let Self { gate, token, started, took } = self;
        mem::forget(self);
        Permit { gate, token, started, took }
    }
}

impl<G: Gate> Drop for InCall<'_, G> {
    fn drop(&mut self) {
        self.gate.complete(self.token, self.started, self.took, Outcome::Failure);
    }
}
