//! Why a call did not get through, and why a breaker was not made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use microbreaker::Phase;

use crate::settings::BadSetting;

/// A breaker refused a call, which was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The breaker's name.
    pub name: Arc<str>,
    /// The phase that refused it: open, half-open with all probes given out,
    /// forced open, or closed while it closes gradually.
    pub phase: Phase,
    /// How long until it is worth asking again, where that is known: while open.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused by the circuit breaker {:?}, which is {}", self.name, self.phase)?;
        match self.retry_after {
            Some(wait) => write!(f, " for another {wait:?}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Rejected {}

/// A guarded call failed, or was not made at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError<E> {
    /// The breaker refused it; it was not made.
    Rejected(Rejected),
    /// It was made and returned this error.
    Failed(E),
}

impl<E> CallError<E> {
    /// The rejection, if the breaker refused the call.
    pub const fn rejected(&self) -> Option<&Rejected> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Failed(_) => None,
        }
    }
}

impl<E> From<Rejected> for CallError<E> {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for CallError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Rejected(_) => None,
            Self::Failed(error) => error.source(),
        }
    }
}

/// A breaker cannot be made of its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildError {
    /// The breaker's name.
    pub name: Arc<str>,
    /// What is wrong.
    pub bad: BadSetting,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "circuit breaker {:?}: {}", self.name, self.bad)
    }
}

impl std::error::Error for BuildError {}
