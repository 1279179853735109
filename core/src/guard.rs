//! What guards calls: a breaker, a throttle, or a reference to one.

use crate::error::{CallError, Rejected};
use crate::event::Outcome;
use crate::permit::{Permit, Token};

/// Something that gives leave to make calls and hears how they end.
///
/// [`Breaker`](crate::Breaker) and [`Throttle`](crate::Throttle) are guards;
/// whatever wraps a call can take either.
pub trait Guard: Sized {
    /// Asks for leave to make one call.
    ///
    /// # Errors
    ///
    /// The guard refuses, says in which phase, and for how long if it knows.
    fn try_acquire(&self) -> Result<Permit<'_, Self>, Rejected>;

    /// Ends the call of `token`, started at tick `started`, with `outcome`:
    /// what [`Permit::finish`] calls.
    ///
    /// `took` is its duration in ticks if the caller knows better.
    fn complete(&self, token: Token, started: u32, took: Option<u32>, outcome: Outcome);

    /// What becomes of a permit that is dropped without an outcome.
    fn abandoned(&self) -> Outcome;

    /// Makes a guarded call whose result `classify` turns into an outcome.
    ///
    /// Unwinding is a failure.
    ///
    /// # Errors
    ///
    /// The call's own, or that it was refused and not made.
    #[inline]
    fn call_classified<T, E>(
        &self,
        f: impl FnOnce() -> Result<T, E>,
        classify: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> Result<T, CallError<E>> {
        self.try_acquire()?.call_classified(f, classify).map_err(CallError::Failed)
    }

    /// Makes a guarded call: an `Err` is a failure, and so is unwinding.
    ///
    /// # Errors
    ///
    /// The call's own, or that it was refused and not made.
    #[inline]
    fn call<T, E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_classified(f, |result| match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failure,
        })
    }
}

impl<B: Guard> Guard for &B {
    #[inline]
    fn try_acquire(&self) -> Result<Permit<'_, Self>, Rejected> {
        (**self).try_acquire().map(|permit| permit.through(self))
    }

    #[inline]
    fn complete(&self, token: Token, started: u32, took: Option<u32>, outcome: Outcome) {
        (**self).complete(token, started, took, outcome);
    }

    fn abandoned(&self) -> Outcome {
        (**self).abandoned()
    }
}
