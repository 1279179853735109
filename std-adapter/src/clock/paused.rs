//! A clock that tests advance.

use std::sync::Arc;
use std::time::Duration;

use microbreaker::{Clock, clock::ManualClock};

use super::ticks::millis;

/// A clock for tests: it stands still until a test advances it.
///
/// ```
/// use microbreaker_std::{Breaker, Phase};
/// use microbreaker_std::clock::PausedClock;
/// use std::time::Duration;
/// let clock = PausedClock::new();
/// let breaker = Breaker::builder("users")
///     .consecutive_failures(1)
///     .open_for(Duration::from_secs(30))
///     .clock(clock.clone())
///     .build()?;
/// breaker.trip();
/// clock.advance(Duration::from_secs(30));
/// assert_eq!(breaker.phase(), Phase::HalfOpen);
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PausedClock(Arc<ManualClock>);

impl PausedClock {
    /// A clock that shows 0.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(ManualClock::new(0)))
    }

    /// Advances the clock and all its clones by `time`, rounded up to a millisecond.
    pub fn advance(&self, time: Duration) {
        self.0.advance(millis(time));
    }
}

impl Default for PausedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for PausedClock {
    fn now(&self) -> u32 {
        Clock::now(&&*self.0)
    }
}
