//! How calls end, and classifiers that tell it by their results.

#[cfg(feature = "http")]
mod error;
#[cfg(feature = "http")]
pub(crate) mod grpc;
#[cfg(feature = "http")]
pub(crate) mod http;
#[cfg(feature = "http")]
pub(crate) mod response;

use std::fmt;
use std::time::Duration;

use crate::clock::millis;

/// How a call ended.
///
/// ```
/// use microbreaker_std::{Breaker, Outcome, Phase};
/// use std::time::Duration;
///
/// let users = Breaker::builder("users")
///     .consecutive_failures(3)
///     .open_for(Duration::from_secs(30))
///     .build()?;
/// // The upstream asks to be left alone for two minutes.
/// users.try_acquire()?.finish(Outcome::FailureOpenFor(Duration::from_secs(120)));
/// assert_eq!(users.phase(), Phase::Open);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call succeeded.
    Success,
    /// The call failed.
    Failure,
    /// The call failed before the service answered: a refused connection, a name that was
    /// not resolved, a time limit of the caller's own. Here that is a failure like any
    /// other. In a fleet it speaks for this instance alone, whose own path may be broken.
    Unanswered,
    /// The call failed, and its answer said when to try again, as `Retry-After` does.
    /// Opens the breaker for exactly that long, rounded up to a millisecond and at
    /// most 24.8 days, whatever the policies say.
    FailureOpenFor(Duration),
    /// The call failed, and counts in a [`leaky_bucket`](crate::Builder::leaky_bucket) as
    /// this many failures; everywhere else it is one.
    WeightedFailure(u8),
    /// The call says nothing about the service, because of a bad argument for example.
    /// The permit is handed back, and nothing is recorded.
    Ignored,
}

/// How [`Outcome::Unanswered`] reaches the core, which has no use for it: as a failure of
/// weight 1. Nothing else is told to the core in this way.
pub(crate) const UNANSWERED: microbreaker::Outcome = microbreaker::Outcome::WeightedFailure(1);

impl Outcome {
    /// Whether the call failed, in whichever way.
    #[cfg(any(feature = "failover", feature = "last-good"))]
    pub(crate) const fn is_failure(self) -> bool {
        !matches!(self, Self::Success | Self::Ignored)
    }

    #[inline]
    pub(crate) fn in_ticks(self) -> microbreaker::Outcome {
        match self {
            Self::Success => microbreaker::Outcome::Success,
            Self::Failure => microbreaker::Outcome::Failure,
            Self::FailureOpenFor(time) => microbreaker::Outcome::FailureOpenFor(millis(time)),
            Self::Unanswered => UNANSWERED,
            // The same, by another name.
            Self::WeightedFailure(1) => microbreaker::Outcome::Failure,
            Self::WeightedFailure(weight) => microbreaker::Outcome::WeightedFailure(weight),
            Self::Ignored => microbreaker::Outcome::Ignored,
        }
    }
}

/// Says what the result of a call means for the breaker. Closures implement it.
///
/// ```
/// use microbreaker_std::{Breaker, Classify, Outcome, Phase};
/// use std::io::{self, ErrorKind};
///
/// /// What errors of a database mean.
/// struct Database;
///
/// impl<T> Classify<T, io::Error> for Database {
///     fn classify(&self, result: &io::Result<T>) -> Outcome {
///         match result {
///             Err(error) if error.kind() == ErrorKind::InvalidInput => Outcome::Ignored,
///             Err(_) => Outcome::Failure,
///             Ok(_) => Outcome::Success,
///         }
///     }
/// }
///
/// let users = Breaker::builder("users")
///     .consecutive_failures(1)
///     .open_for(std::time::Duration::from_secs(30))
///     .build()?;
/// let _ = users.call_classified(|| Err::<(), _>(ErrorKind::InvalidInput.into()), Database);
/// assert_eq!(users.phase(), Phase::Closed);
/// let _ = users.call_classified(|| Err::<(), _>(ErrorKind::TimedOut.into()), Database);
/// assert_eq!(users.phase(), Phase::Open);
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
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
///
/// ```
/// use microbreaker_std::{Breaker, Phase, failing_if};
/// use std::io;
///
/// let files = Breaker::builder("files")
///     .consecutive_failures(1)
///     .open_for(std::time::Duration::from_secs(30))
///     .build()?;
/// let is_failure = |error: &io::Error| error.kind() != io::ErrorKind::NotFound;
/// let missing = files.call_classified(|| std::fs::read("/no/such/file"), failing_if(is_failure));
/// assert!(missing.is_err());
/// assert_eq!(files.phase(), Phase::Closed);
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
pub const fn failing_if<E, F: Fn(&E) -> bool>(is_failure: F) -> FailingIf<F> {
    FailingIf(is_failure)
}

/// The classifier that [`failing_if`] returns. `Clone` if its function is.
#[derive(Clone, Copy)]
pub struct FailingIf<F>(F);

impl<F> fmt::Debug for FailingIf<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailingIf").finish_non_exhaustive()
    }
}

impl<T, E, F: Fn(&E) -> bool> Classify<T, E> for FailingIf<F> {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        match result {
            Err(error) if (self.0)(error) => Outcome::Failure,
            _ => Outcome::Success,
        }
    }
}

/// For functions that are not `Clone`.
impl<T, E, F: Fn(&E) -> bool> Classify<T, E> for &FailingIf<F> {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        (**self).classify(result)
    }
}
