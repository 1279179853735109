//! A breaker at a glance, in the terms of `std`.

use std::time::Duration;

use microbreaker::{Phase, Tally};

use crate::clock::duration;

/// What a breaker was at one moment, consistent for one generation.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The phase. An opening that is over reads as half-open.
    pub phase: Phase,
    /// How long it has been in that phase.
    pub in_phase_for: Duration,
    /// How long until it is worth asking, where that is known: while open.
    pub retry_after: Option<Duration>,
    /// What the window holds; while half-open, the finished probes. An open
    /// breaker still shows the window, or the probes, that tripped it.
    pub tally: Tally,
    /// The share of calls in the tally that failed, 0 to 100 percent to a tenth;
    /// `None` as long as there are fewer than `min_calls`.
    pub failure_rate: Option<f64>,
    /// The same of slow calls; `None` also where nobody looks for them.
    pub slow_rate: Option<f64>,
    /// Failures in a row, where that policy is configured.
    pub consecutive_failures: u32,
    /// How often it has tripped from half-open without a close in between.
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
