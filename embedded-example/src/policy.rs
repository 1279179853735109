//! When the sensor's breaker opens, and for how long.

use core::ops::RangeInclusive;

use microbreaker::{Config, TimeWindow, WithSlow};

const BUCKETS: usize = 8;

/// What the sensor's breaker remembers: failures and late answers, by time.
pub type SensorWindow = WithSlow<TimeWindow<BUCKETS>>;

/// An empty window.
#[must_use]
pub const fn window() -> SensorWindow {
    WithSlow::new(TimeWindow::new(), TimeWindow::new())
}

/// The window's length in ticks: a second. A tick is a millisecond.
pub const WINDOW: u32 = 1_000;

/// A reading that takes more ticks is late. SMBus allows a target to stretch the clock
/// for 25 ms in total.
pub const LATE_AFTER: u32 = 25;

const OPEN_FOR: u32 = 200;
const FACTOR: u32 = 2;
const LONGEST: u32 = 800;
const JITTER: u32 = 20;

/// The sensor's breaker opens at three failures within a second, or when half of the
/// readings are late: for 200 ms, then twice as long after each failed probe, up to
/// 800 ms. It closes after two good probes.
///
/// With a different `seed` for each member, a fleet does not probe all its sensors at the
/// same time.
#[must_use]
pub const fn policy(seed: u32) -> Config {
    Config::new()
        .bucket(WINDOW / BUCKETS as u32)
        .failures_in_window(3)
        .slow_rate(50)
        .slow_after(LATE_AFTER)
        .min_calls(4)
        .open_for(OPEN_FOR)
        .backoff(FACTOR, LONGEST)
        .jitter(JITTER, seed)
        .probes(2)
        .probe_timeout(2 * WINDOW)
}

/// How many ticks an opening may last after `level` failed recoveries: the configured
/// time, and up to a fifth more.
#[must_use]
pub const fn waits(level: u32) -> RangeInclusive<u32> {
    let wait = OPEN_FOR.saturating_mul(FACTOR.saturating_pow(level));
    let wait = if wait < LONGEST { wait } else { LONGEST };
    RangeInclusive::new(wait, wait + wait * JITTER / 100)
}
