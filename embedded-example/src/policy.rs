//! When the sensor is left alone, and for how long.

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

/// A reading is late if it took more ticks. SMBus allows a target to stretch
/// the clock for 25 ms in all.
pub const LATE_AFTER: u32 = 25;

const OPEN_FOR: u32 = 200;
const FACTOR: u32 = 2;
const LONGEST: u32 = 800;
const JITTER: u32 = 20;

/// Three failures within a second, or every other reading late, and the sensor
/// is left alone: for 200 ms, then twice as long after each probe that does no
/// better, up to 800 ms. Two probes must succeed.
///
/// A fleet whose members have different seeds does not ask its sensors all at
/// the same time.
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

/// The ticks for which the sensor may be left alone at `level`, the number of
/// failed recoveries before: the wait, and up to a fifth more.
#[must_use]
pub const fn waits(level: u32) -> RangeInclusive<u32> {
    let wait = OPEN_FOR.saturating_mul(FACTOR.saturating_pow(level));
    let wait = if wait < LONGEST { wait } else { LONGEST };
    RangeInclusive::new(wait, wait + wait * JITTER / 100)
}
