//! The precise clock of the operating system.

use std::time::Instant;

use microbreaker::Clock;

/// Milliseconds since the clock was made, wrapping every 49.7 days.
///
/// Precise: each reading is one [`Instant::now`].
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
        // The cast wraps, as the breaker expects of a clock.
        self.start.elapsed().as_millis() as u32
    }

    fn now_64(&self) -> Option<u64> {
        Some(self.start.elapsed().as_millis() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monotonic_clock_never_goes_back() {
        let clock = MonotonicClock::new();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
