//! How calls end, and classifiers that tell it by their results.

#[cfg(feature = "http")]
mod http;

use std::time::Duration;

#[cfg(feature = "http")]
pub use http::HttpResponses;

use crate::clock::millis;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call succeeded.
    Success,
    /// The call failed.
    Failure,
    /// The call failed, and its answer said when to try again, as `Retry-After` does.
    /// Opens the breaker for exactly that long, rounded up to a millisecond and at
    /// most 24.8 days, whatever the policies say.
    FailureOpenFor(Duration),
    /// The call says nothing about the service, because of a bad argument for example.
    /// The permit is handed back, and nothing is recorded.
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

/// Says what the result of a call means for the breaker. Closures implement it.
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

/// A classifier by which only errors that `is_failure` accepts are failures. Any
/// other error, "not found" for example, is an answer, so a success.
pub fn failing_if<T, E>(is_failure: impl Fn(&E) -> bool) -> impl Fn(&Result<T, E>) -> Outcome {
    move |result| match result {
        Err(error) if is_failure(error) => Outcome::Failure,
        _ => Outcome::Success,
    }
}
