//! A consistent summary of a breaker.

use crate::phase::Phase;
use crate::tally::Tally;

/// A summary of a breaker at one moment; all its fields belong to one generation.
///
/// ```
/// use microbreaker::{Breaker, Config, Phase, ShortWindow};
///
/// let config = Config::new().failure_rate(80).min_calls(3).last_calls(16).open_for(500);
/// let breaker = Breaker::new(config, ShortWindow::new(), || 0);
/// for answer in [Ok(1), Err("no answer"), Ok(2)] {
///     let _ = breaker.call(|| answer);
/// }
///
/// let now = breaker.snapshot();
/// assert_eq!((now.phase, now.tally.failed, now.tally.calls), (Phase::Closed, 1, 3));
/// assert_eq!(now.failure_permille(), Some(333));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// The phase, as [`Breaker::phase`](crate::Breaker::phase) returns it.
    pub phase: Phase,
    /// The number of the tenure, modulo 2^8.
    pub generation: u8,
    /// Ticks since the phase began (a new breaker's first phase began at tick 0); while
    /// half-open, since a probe was last given out or ended. 0 if it takes the next call
    /// to begin the phase.
    pub in_phase_for: u32,
    /// Ticks until it is worth asking, if known: while open, and while half-open with
    /// all probes out.
    pub retry_after: Option<u32>,
    /// What the window holds; while half-open, the finished probes; while open, the
    /// window or the probes that tripped the breaker.
    pub tally: Tally,
    /// Whether `tally` has enough calls for a rate.
    pub(crate) rated: bool,
    /// Whether slow calls are watched.
    pub(crate) timed: bool,
    /// Failures in a row, if that policy is configured.
    pub consecutive_failures: u32,
    /// How often the breaker has reopened from half-open since it last closed.
    pub backoff_level: u32,
}

impl Snapshot {
    /// The failure rate in tenths of a percent, rounded; `None` below
    /// [`min_calls`](crate::Config::min_calls).
    #[must_use]
    pub const fn failure_permille(&self) -> Option<u32> {
        self.permille(self.tally.failed)
    }

    /// The slow-call rate in tenths of a percent, rounded; `None` below
    /// [`min_calls`](crate::Config::min_calls), and if slow calls are not watched.
    #[must_use]
    pub const fn slow_permille(&self) -> Option<u32> {
        if self.timed { self.permille(self.tally.slow) } else { None }
    }

    const fn permille(&self, bad: u32) -> Option<u32> {
        let calls = self.tally.calls as u64;
        // `rated` implies calls > 0; the second test lets the compiler know.
        if !self.rated || calls == 0 {
            return None;
        }
        Some(((bad as u64 * 1_000 + calls / 2) / calls) as u32)
    }
}
