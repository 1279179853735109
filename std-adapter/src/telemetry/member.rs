//! What a breaker of a fleet keeps beside its engines.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use microbreaker::Outcome;

use crate::classify::UNANSWERED;
use crate::telemetry::heard::Heard;

/// Gives leave for probes. The calls that probe ask it, so nothing here may wait.
pub trait Probes: Send + Sync {
    /// Whether one more probe may go out. For each `true` there is at most one
    /// [`ended`](Self::ended).
    fn lend(&self) -> bool;

    /// A call has failed, and the one before had not.
    fn failing(&self) {}

    /// A probe has ended whose result still counts.
    fn ended(&self, end: ProbeEnd);

    /// What has been heard of the other instances, to be shown. No call asks for it.
    fn heard(&self) -> Option<Heard> {
        None
    }
}

/// How a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeEnd {
    /// It succeeded.
    Succeeded,
    /// It failed, with an answer.
    Failed,
    /// It failed without an answer: [`Outcome::Unanswered`](crate::Outcome::Unanswered).
    Unanswered,
    /// It said nothing about the service, or did not go out after all.
    Unused,
}

impl ProbeEnd {
    const fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::Succeeded,
            UNANSWERED => Self::Unanswered,
            Outcome::Failure | Outcome::FailureOpenFor(_) | Outcome::WeightedFailure(_) => {
                Self::Failed
            }
            Outcome::Ignored => Self::Unused,
        }
    }
}

/// The last call failed.
const FAILED: u8 = 1;
/// No call has succeeded since this was set.
const AWAITING: u8 = 2;

/// A breaker as the member of a fleet, which it may never become.
pub(crate) struct Member {
    /// The last 64 failures, the latest in the lowest bit: 1 if it got no answer.
    origins: AtomicU64,
    probes: OnceLock<Arc<dyn Probes>>,
    /// `FAILED` and `AWAITING`: 0 while all is well and nobody has asked.
    noted: AtomicU8,
}

impl Default for Member {
    fn default() -> Self {
        let (origins, probes) = Default::default();
        Self { origins, probes, noted: AtomicU8::new(AWAITING) }
    }
}

impl Member {
    pub(crate) fn join(&self, probes: Arc<dyn Probes>) -> bool {
        self.probes.set(probes).is_ok()
    }

    pub(crate) fn origins(&self) -> u64 {
        self.origins.load(Ordering::Relaxed)
    }

    pub(crate) fn last_failed(&self) -> bool {
        self.noted.load(Ordering::Relaxed) & FAILED != 0
    }

    /// Whether a call has succeeded since this was asked last.
    pub(crate) fn has_succeeded(&self) -> bool {
        self.noted.fetch_or(AWAITING, Ordering::Relaxed) & AWAITING == 0
    }

    #[inline(always)]
    pub(crate) fn outcome(&self, outcome: Outcome) {
        if outcome == Outcome::Success {
            // A load alone while all is well, so that threads share the line.
            if self.noted.load(Ordering::Relaxed) != 0 {
                self.noted.store(0, Ordering::Relaxed);
            }
        } else {
            self.failed(outcome);
        }
    }

    #[cold]
    fn failed(&self, outcome: Outcome) {
        if outcome != Outcome::Ignored {
            let unanswered = u64::from(outcome == UNANSWERED);
            // Two failures at once may swap places, but none is lost.
            let shift = |origins| Some(origins << 1 | unanswered);
            let _ = self.origins.fetch_update(Ordering::Relaxed, Ordering::Relaxed, shift);
            if self.noted.fetch_or(FAILED, Ordering::Relaxed) & FAILED == 0
                && let Some(probes) = self.probes.get()
            {
                probes.failing();
            }
        }
    }

    /// What it has heard of its fleet, if it is in one.
    #[cfg(any(feature = "axum", feature = "metrics"))]
    pub(crate) fn heard(&self) -> Option<Heard> {
        self.probes.get()?.heard()
    }

    pub(crate) fn lend_probe(&self) -> bool {
        self.probes.get().is_none_or(|probes| probes.lend())
    }

    pub(crate) fn probe_ended(&self, outcome: Outcome, stale: bool) {
        if let Some(probes) = self.probes.get().filter(|_| !stale) {
            probes.ended(ProbeEnd::of(outcome));
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("joined", &self.probes.get().is_some()).finish()
    }
}
