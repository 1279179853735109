//! Why a call was not made, and why a breaker was not built.

#[cfg(feature = "axum")]
mod response;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use microbreaker::Phase;

use crate::clock::duration;
use crate::name::Name;
use crate::settings::SettingError;

/// Any error: `tower::BoxError`, for one.
#[cfg(any(feature = "axum", feature = "tower", feature = "watch"))]
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A breaker refused a call. It was not made.
///
/// It is made and cloned without an allocation, and without a count of references, for which
/// threads would contend. So the first 1,024 names of breakers, of at most 256 bytes each, are
/// kept until the process ends. Refusals with any other name do count references of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Rejected {
    name: Name,
    /// In milliseconds, or `UNKNOWN`.
    retry_after: u32,
    phase: Phase,
}

/// More than the longest wait.
const UNKNOWN: u32 = u32::MAX;

impl Rejected {
    /// Known waits are in milliseconds.
    #[inline]
    pub(crate) fn new(name: &Name, phase: Phase, retry_after: Option<u32>) -> Self {
        Self { name: name.clone(), phase, retry_after: retry_after.unwrap_or(UNKNOWN) }
    }

    /// The breaker's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The phase that refused the call: open, half-open with all probes out, forced open, or
    /// closed while the breaker closes gradually.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// How long until the breaker may admit a call, in whole milliseconds. Known while it is
    /// open, and while half-open with all probes out, if that can become overdue.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        (self.retry_after != UNKNOWN).then(|| duration(self.retry_after))
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("name", &self.name())
            .field("phase", &self.phase)
            .field("retry_after", &self.retry_after())
            .finish()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "circuit breaker {:?} refused the call: {}", self.name(), self.phase)?;
        match self.retry_after() {
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
