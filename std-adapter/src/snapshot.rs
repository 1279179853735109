//! A breaker at a glance, with times as `Duration`.

use std::time::Duration;

use microbreaker::{Phase, Tally};

use crate::clock::duration;

/// A breaker at one moment, consistent for one generation.
///
/// ```
/// use microbreaker_std::{Breaker, Phase};
///
/// let users = Breaker::builder("users")
///     .failure_rate(80).min_calls(2).last_calls(20)
///     .open_for(std::time::Duration::from_secs(30))
///     .build()?;
/// let _ = users.call(|| "42".parse::<u32>());
/// let _ = users.call(|| "x".parse::<u32>());
///
/// let now = users.snapshot();
/// assert_eq!((now.phase, now.failure_rate), (Phase::Closed, Some(50.0)));
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The phase. An opening whose time is over reads as half-open.
    pub phase: Phase,
    /// How long the breaker has been in that phase.
    pub in_phase_for: Duration,
    /// How long until the breaker may admit a call. Known while it is open, and while
    /// half-open with all probes out, if that can become overdue.
    pub retry_after: Option<Duration>,
    /// The calls in the window; while half-open, the finished probes. An open breaker
    /// still shows the window, or the probes, that tripped it.
    pub tally: Tally,
    /// The share of failed calls in the tally, 0 to 100 percent to a tenth. `None` while
    /// there are fewer than `min_calls`.
    pub failure_rate: Option<f64>,
    /// The same for slow calls. `None` also if slow calls are not measured.
    pub slow_rate: Option<f64>,
    /// Failures in a row, if that policy is set.
    pub consecutive_failures: u32,
    /// How often the breaker has tripped from half-open without a close in between.
    pub backoff_level: u32,
}

impl From<microbreaker::Snapshot> for Snapshot {
    fn from(core: microbreaker::Snapshot) -> Self {
        let percent = |permille| f64::from(permille) / 10.0;
        Self {
            phase: core.phase,
            in_phase_for: duration(core.in_phase_for),
            retry_after: core.retry_after.map(duration),
            tally: core.tally,
            failure_rate: core.failure_permille().map(percent),
            slow_rate: core.slow_permille().map(percent),
            consecutive_failures: core.consecutive_failures,
            backoff_level: core.backoff_level,
        }
    }
}
