//! A clock that tests advance.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use microbreaker::Clock;

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
pub struct PausedClock(Arc<AtomicU64>);

impl PausedClock {
    /// A clock that shows 0.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Advances the clock and all its clones by `time`, rounded up to a millisecond.
    pub fn advance(&self, time: Duration) {
        let millis = time.as_nanos().div_ceil(1_000_000);
        self.0.fetch_add(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Default for PausedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for PausedClock {
    fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed) as u32
    }

    fn now_64(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed))
    }
}
