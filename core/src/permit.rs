//! Leave to make one call.

use core::borrow::Borrow;
use core::fmt;
use core::mem;

use crate::breaker::Breaker;
use crate::clock::Clock;
use crate::config::Config;
use crate::event::{Observer, Outcome};
use crate::window::Window;

/// Leave to make one call, consumed by its outcome.
///
/// Dropped without one it counts as cancelled: it is handed back and nothing
/// is recorded. [`into_token`](Self::into_token) turns it into a plain integer
/// for a call that ends in another context.
#[must_use = "a permit that is dropped at once cancels the call it was given for"]
pub struct Permit<'a, W: Window, C: Clock, O: Observer = (), G: Borrow<Config> = Config> {
    breaker: &'a Breaker<W, C, O, G>,
    token: Token,
}

/// A permit as a plain integer: for a call that is started here and ends in an
/// interrupt handler or another task.
///
/// [`Breaker::resume`] turns it into a permit again. Unlike a permit it can be
/// copied and forgotten: resume each at most once, and know that a probe whose
/// token is lost keeps its place until
/// [`probe_timeout`](Config::probe_timeout).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Token(u32);

impl Token {
    pub(crate) const fn new(generation: u8) -> Self {
        Self(generation as u32)
    }

    pub(crate) const fn generation(self) -> u8 {
        self.0 as u8
    }

    /// The integer, to be kept in an atomic or in a peripheral's context word.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// The token that [`to_bits`](Self::to_bits) gave.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

impl<'a, W: Window, C: Clock, O: Observer, G: Borrow<Config>> Permit<'a, W, C, O, G> {
    pub(crate) const fn new(breaker: &'a Breaker<W, C, O, G>, token: Token) -> Self {
        Self { breaker, token }
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

    /// The call ended with `outcome`.
    ///
    /// Lock-free. A stale outcome, of a permit whose tenure is over, changes
    /// nothing; only a permit that outlives exactly a multiple of 256
    /// transitions is taken for a fresh one.
    #[inline]
    pub fn finish(self, outcome: Outcome) {
        let Self { breaker, token } = self;
        mem::forget(self);
        breaker.complete(token.generation(), outcome);
    }

    /// The permit as a plain integer, not handed back.
    #[must_use = "a token that is lost is a call that never reports"]
    pub fn into_token(self) -> Token {
        let token = self.token;
        mem::forget(self);
        token
    }
}

impl<W: Window, C: Clock, O: Observer, G: Borrow<Config>> Drop for Permit<'_, W, C, O, G> {
    fn drop(&mut self) {
        self.breaker.complete(self.token.generation(), Outcome::Ignored);
    }
}

impl<W: Window, C: Clock, O: Observer, G: Borrow<Config>> fmt::Debug for Permit<'_, W, C, O, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.token.0).finish()
    }
}

/// A call in progress: unwinding through it is a failure.
pub(crate) struct InCall<'a, W: Window, C: Clock, O: Observer, G: Borrow<Config>>(
    Option<Permit<'a, W, C, O, G>>,
);

impl<'a, W: Window, C: Clock, O: Observer, G: Borrow<Config>> InCall<'a, W, C, O, G> {
    pub(crate) const fn new(permit: Permit<'a, W, C, O, G>) -> Self {
        Self(Some(permit))
    }

    #[inline]
    pub(crate) fn finish(mut self, outcome: Outcome) {
        if let Some(permit) = self.0.take() {
            permit.finish(outcome);
        }
    }
}

impl<W: Window, C: Clock, O: Observer, G: Borrow<Config>> Drop for InCall<'_, W, C, O, G> {
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            permit.failure();
        }
    }
}
