//! Milliseconds of the operating system's monotonic clock.

#[cfg(feature = "coarse-clock")]
mod coarse;
mod paused;
mod shared;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "coarse-clock")]
pub use coarse::CoarseClock;
pub use paused::PausedClock;
pub(crate) use shared::SharedClock;
#[cfg(feature = "tokio")]
pub use tokio::TokioClock;

use std::time::{Duration, Instant};

use microbreaker::Clock;

/// Milliseconds since the clock was made, wrapping every 49.7 days.
///
/// Each reading is one [`Instant::now`].
#[derive(Clone, Copy, Debug)]
pub struct MonotonicClock {
    start: Instant,
}

impl MonotonicClock {
    /// A clock that shows 0 now.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> u32 {
        // Wrapping is what the breaker expects of a clock.
        self.start.elapsed().as_millis() as u32
    }
}

/// A duration in the ticks of [`MonotonicClock`]: milliseconds, rounded up so
/// that no wait is cut short; `u32::MAX`, which every configuration refuses,
/// if it does not fit.
#[must_use]
pub const fn millis(duration: Duration) -> u32 {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    if millis > u32::MAX as u128 { u32::MAX } else { millis as u32 }
}

/// Ticks as time.
pub(crate) fn duration(ticks: u32) -> Duration {
    Duration::from_millis(ticks.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_up_and_never_wrap() {
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::from_secs(30)), 30_000);
        assert_eq!(millis(Duration::MAX), u32::MAX);
    }

    #[test]
    fn a_monotonic_clock_never_goes_back() {
        let clock = MonotonicClock::new();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
