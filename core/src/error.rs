//! Refusals, failed calls and illegal transitions.

use core::error::Error;
use core::fmt;

use crate::phase::Phase;

/// A call was refused and never made.
///
/// ```
/// use microbreaker::{Breaker, Config, clock::ManualClock};
///
/// let config = Config::new().consecutive_failures(1).open_for(100);
/// let sensor = Breaker::new(config, (), ManualClock::new(0));
/// sensor.trip();
/// let rejected = sensor.try_acquire().unwrap_err();
/// assert_eq!(rejected.retry_after, Some(100), "ticks");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Rejected {
    /// The phase that refused it: `Open`, `HalfOpen` with all probes given out,
    /// `ForcedOpen`, or `Closed` while a ramp or a [`Throttle`](crate::Throttle)
    /// admits only a share of calls.
    pub phase: Phase,
    /// Ticks until it is worth asking again, if known: until the opening ends or
    /// `HalfOpen` is overdue.
    pub retry_after: Option<u32>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "circuit breaker refused the call: {}", self.phase)?;
        match self.retry_after {
            Some(ticks) => write!(f, " for another {ticks} ticks"),
            None => Ok(()),
        }
    }
}

impl Error for Rejected {}

/// A guarded call failed, or was refused and never made.
///
/// `E` is the call's own error, `R` the refusal.
///
/// ```
/// use microbreaker::{Breaker, CallError, Config};
///
/// let breaker = Breaker::new(Config::new().consecutive_failures(1).open_for(500), (), || 0);
/// for (text, expected) in [("21", "21"), ("x", "not a number"), ("21", "wait 500 ticks")] {
///     let said = match breaker.call(|| text.parse::<u32>()) {
///         Ok(number) => number.to_string(),
///         Err(CallError::Failed(_)) => "not a number".into(),
///         Err(CallError::Rejected(why)) => format!("wait {} ticks", why.retry_after.unwrap_or(0)),
///     };
///     assert_eq!(said, expected);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CallError<E, R = Rejected> {
    /// The call was refused and never made.
    Rejected(R),
    /// The call was made and returned this error.
    Failed(E),
}

impl<E, R> CallError<E, R> {
    /// Returns the refusal, if the call was refused.
    pub const fn rejected(&self) -> Option<&R> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Failed(_) => None,
        }
    }

    /// Whether the call was refused.
    pub const fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }

    /// Returns the call's own error, if the call was made.
    ///
    /// ```
    /// # use microbreaker::{Breaker, Config};
    /// # let breaker = Breaker::new(Config::new().consecutive_failures(1).open_for(500), (), || 0);
    /// let failed = breaker.call(|| "x".parse::<u32>()).unwrap_err();
    /// assert_eq!(failed.into_failed().unwrap().to_string(), "invalid digit found in string");
    /// let refused = breaker.call(|| "x".parse::<u32>()).unwrap_err();
    /// assert!(refused.is_rejected() && refused.into_failed().is_none());
    /// ```
    pub fn into_failed(self) -> Option<E> {
        match self {
            Self::Rejected(_) => None,
            Self::Failed(error) => Some(error),
        }
    }

    /// Turns the call's own error into another.
    ///
    /// ```
    /// # use microbreaker::{Breaker, CallError, Config};
    /// # let breaker = Breaker::new(Config::new().consecutive_failures(1).open_for(500), (), || 0);
    /// let failed = breaker.call(|| "x".parse::<u32>()).unwrap_err();
    /// assert_eq!(failed.map_failed(|error| error.to_string().len()), CallError::Failed(29));
    /// ```
    pub fn map_failed<F>(self, f: impl FnOnce(E) -> F) -> CallError<F, R> {
        match self {
            Self::Rejected(rejected) => CallError::Rejected(rejected),
            Self::Failed(error) => CallError::Failed(f(error)),
        }
    }
}

impl<E, R> From<R> for CallError<E, R> {
    fn from(rejected: R) -> Self {
        Self::Rejected(rejected)
    }
}

impl<E: fmt::Display, R: fmt::Display> fmt::Display for CallError<E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: Error, R: Error> Error for CallError<E, R> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Rejected(rejected) => rejected.source(),
            Self::Failed(error) => error.source(),
        }
    }
}

/// A manual transition that the phase, or the configuration source, does not allow;
/// nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct IllegalTransition {
    /// The phase in which the breaker is and stays.
    pub from: Phase,
    /// The requested phase.
    pub to: Phase,
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a circuit breaker cannot be switched from {} to {}", self.from, self.to)
    }
}

impl Error for IllegalTransition {}
