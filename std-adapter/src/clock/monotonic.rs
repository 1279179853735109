//! The precise clock of the operating system.

use std::time::Instant;

use microbreaker::Clock;

/// Milliseconds since the clock was made, wrapping every 49.7 days.
///
/// Precise: each reading is one [`Instant::now`].
///
/// ```
/// use microbreaker_std::Breaker;
/// use microbreaker_std::clock::MonotonicClock;
/// use std::time::Duration;
///
/// let builder = Breaker::builder("users").slow_rate(50).slow_after(Duration::from_millis(2));
/// let builder = builder.last_calls(100).open_for(Duration::from_secs(1));
/// let users = builder.clock(MonotonicClock::new()).build()?;
/// # assert!(users.try_acquire().is_ok());
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
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

    #[test]
    fn it_moves_on_and_both_readings_are_of_the_same_time() {
        let clock = MonotonicClock::new();
        while clock.now() < 3 {}
        assert!((3..60_000).contains(&clock.now_64().unwrap()));
    }
}
