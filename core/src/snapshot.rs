//! A breaker at a glance.

use crate::phase::Phase;
use crate::tally::Tally;

/// What a breaker was at one moment, consistent for one generation.
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
    /// The phase, as [`Breaker::phase`](crate::Breaker::phase) says it.
    pub phase: Phase,
    /// Number of the tenure, modulo 2^8.
    pub generation: u8,
    /// Ticks since the phase began, the first one at tick 0; while half-open, since a
    /// probe was last given out or ended. 0 if the next call will find it to have begun.
    pub in_phase_for: u32,
    /// Ticks until it is worth asking, where that is known: while open, and half-open
    /// with all probes out.
    pub retry_after: Option<u32>,
    /// What the window holds; while half-open, the finished probes. An open
    /// breaker still shows the window, or the probes, that tripped it.
    pub tally: Tally,
    /// Whether there are enough calls to speak of rates.
    pub(crate) rated: bool,
    /// Whether slow calls are looked for.
    pub(crate) timed: bool,
    /// Failures in a row, where that policy is configured.
    pub consecutive_failures: u32,
    /// How often it has tripped from half-open without a close in between.
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
    /// [`min_calls`](crate::Config::min_calls), and where slow calls are not watched.
    #[must_use]
    pub const fn slow_permille(&self) -> Option<u32> {
        if self.timed { self.permille(self.tally.slow) } else { None }
    }

    const fn permille(&self, bad: u32) -> Option<u32> {
        let calls = self.tally.calls as u64;
        // `rated` means that there are calls; this also tells the compiler.
        if !self.rated || calls == 0 {
            return None;
        }
        Some(((bad as u64 * 1_000 + calls / 2) / calls) as u32)
    }
}
