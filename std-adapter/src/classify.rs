//! How a call ended, and who says so.

#[cfg(feature = "http")]
mod http;

use std::time::Duration;

#[cfg(feature = "http")]
pub use http::HttpResponses;

use crate::clock::millis;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it should.
    Success,
    /// It failed.
    Failure,
    /// It failed, and said how long it is not worth asking again, as with a
    /// `Retry-After`. Opens the breaker for exactly that long, rounded up to a
    /// millisecond and at most 24.8 days, whatever the policies say.
    FailureOpenFor(Duration),
    /// It says nothing about what is guarded, like a bad argument: the permit is
    /// handed back and nothing is counted.
    Ignored,
}

impl Outcome {
    #[inline]
    pub(crate) fn in_ticks(self) -> microbreaker::Outcome {
        match self {
            Self::Success => microbreaker::Outcome::Success,
            Self::Failure => microbreaker::Outcome::Failure,
            Self::FailureOpenFor(time) => microbreaker::Outcome::FailureOpenFor(millis(time)),
            Self::Ignored => microbreaker::Outcome::Ignored,
        }
    }
}

/// Tells what a call's result means for the breaker. Closures are classifiers.
pub trait Classify<T, E> {
    /// How a call with this result ended.
    fn classify(&self, result: &Result<T, E>) -> Outcome;
}

impl<T, E, F: Fn(&Result<T, E>) -> Outcome> Classify<T, E> for F {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        self(result)
    }
}

/// Every `Err` is a failure, every `Ok` a success.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorsFail;

impl<T, E> Classify<T, E> for ErrorsFail {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        if result.is_ok() { Outcome::Success } else { Outcome::Failure }
    }
}

/// Those errors fail of which `is_failure` says so. With any other error the
/// callee has answered, which is a success: "not found", for example.
pub fn failing_if<T, E>(is_failure: impl Fn(&E) -> bool) -> impl Fn(&Result<T, E>) -> Outcome {
    move |result| match result {
        Err(error) if is_failure(error) => Outcome::Failure,
        _ => Outcome::Success,
    }
}
