//! Leave to make one call.

use core::fmt;
use core::mem;

use crate::event::Outcome;
use crate::guard::Guard;
use crate::state::GENERATIONS;

/// Leave to make one call, consumed by its outcome.
///
/// Dropped without one it counts as cancelled: it is handed back and nothing
/// is recorded, unless [`Config::abandoned_fails`](crate::Config::abandoned_fails).
/// [`into_token`](Self::into_token) turns it into a plain integer for a call
/// that ends in another context.
#[must_use = "a permit that is dropped at once cancels the call it was given for"]
pub struct Permit<'a, B: Guard> {
    guard: &'a B,
    token: Token,
    started: u32,
    took: Option<u32>,
}

/// A permit as a plain integer: for a call that is started here and ends in an
/// interrupt handler or another task.
///
/// [`Breaker::resume`](crate::Breaker::resume) turns it into a permit again.
/// Unlike a permit it can be copied and forgotten: resume each at most once,
/// and know that a probe whose token is lost keeps its place until
/// [`probe_timeout`](crate::Config::probe_timeout).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Token(u32);

impl Token {
    #[inline]
    pub(crate) const fn new(generation: u32) -> Self {
        Self(generation)
    }

    #[inline]
    pub(crate) const fn generation(self) -> u32 {
        self.0
    }

    /// The integer, to be kept in an atomic or in a peripheral's context word.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// The token that [`to_bits`](Self::to_bits) gave.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits % GENERATIONS)
    }
}

impl<'a, B: Guard> Permit<'a, B> {
    #[inline]
    pub(crate) const fn new(guard: &'a B, token: Token, started: u32) -> Self {
        Self { guard, token, started, took: None }
    }

    /// The same permit, given through a reference to its guard.
    pub(crate) fn through<'b>(self, guard: &'b &'a B) -> Permit<'b, &'a B> {
        let Self { token, started, took, .. } = self;
        mem::forget(self);
        Permit { guard, token, started, took }
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

    /// The tick at which it was given where slow calls are watched, and 0
    /// elsewhere: what [`Guard::complete`] asks for beside the token.
    #[must_use]
    #[inline]
    pub const fn started(&self) -> u32 {
        self.started
    }

    /// The call took `ticks`, whatever the guard's clock says.
    pub const fn took(mut self, ticks: u32) -> Self {
        self.took = Some(ticks);
        self
    }

    /// The call ended with `outcome`.
    ///
    /// Lock-free. A stale outcome, of a permit whose tenure is over, changes
    /// nothing; only a permit that outlives exactly a multiple of 256
    /// transitions is taken for a fresh one.
    #[inline]
    pub fn finish(self, outcome: Outcome) {
        let Self { guard, token, started, took } = self;
        mem::forget(self);
        guard.complete(token, started, took, outcome);
    }

    /// Makes the call that it was given for, whose result `classify` turns into
    /// an outcome. Unwinding is a failure.
    ///
    /// # Errors
    ///
    /// The call's own.
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

    /// The permit as a plain integer, not handed back.
    #[must_use = "a token that is lost is a call that never reports"]
    pub fn into_token(self) -> Token {
        let token = self.token;
        mem::forget(self);
        token
    }
}

impl<B: Guard> Drop for Permit<'_, B> {
    fn drop(&mut self) {
        self.guard.complete(self.token, self.started, self.took, self.guard.abandoned());
    }
}

impl<B: Guard> fmt::Debug for Permit<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.token.0).finish()
    }
}

/// A call in progress: unwinding through it is a failure.
///
/// A permit taken to pieces, so that all of it stays in registers.
struct InCall<'a, B: Guard> {
    guard: &'a B,
    token: Token,
    started: u32,
    took: Option<u32>,
}

impl<'a, B: Guard> InCall<'a, B> {
    #[inline]
    fn new(permit: Permit<'a, B>) -> Self {
        let Permit { guard, token, started, took } = permit;
        mem::forget(permit);
        Self { guard, token, started, took }
    }

    #[inline]
    fn finish(self, outcome: Outcome) {
        let Self { guard, token, started, took } = self;
        mem::forget(self);
        guard.complete(token, started, took, outcome);
    }
}

impl<B: Guard> Drop for InCall<'_, B> {
    fn drop(&mut self) {
        self.guard.complete(self.token, self.started, self.took, Outcome::Failure);
    }
}
