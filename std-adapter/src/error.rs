//! Why a call was not made, and why a breaker was not built.

#[cfg(feature = "axum")]
mod response;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use microbreaker::Phase;

use crate::settings::SettingError;

/// `tower::BoxError`, the error of tower's own layers.
#[cfg(any(feature = "tower", feature = "axum"))]
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A breaker refused a call. It was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The breaker's name.
    pub name: Arc<str>,
    /// The phase that refused it: open, half-open with all probes out, forced open, or
    /// closed while the breaker closes gradually.
    pub phase: Phase,
    /// How long until the breaker may admit a call. Known while it is open, and while
    /// half-open with all probes out, if that can become overdue.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "circuit breaker {:?} refused the call: {}", self.name, self.phase)?;
        match self.retry_after {
            Some(wait) => write!(f, " for another {wait:?}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Rejected {}

/// A guarded call failed, or was refused and not made.
pub type CallError<E> = microbreaker::CallError<E, Rejected>;

/// A breaker cannot be built from its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildError {
    /// The breaker's name.
    pub name: Arc<str>,
    /// What is wrong.
    pub problem: SettingError,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "circuit breaker {:?}: {}", self.name, self.problem)
    }
}

impl std::error::Error for BuildError {}
