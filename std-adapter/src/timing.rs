//! From the clock and the ticks of the core to those of `std`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use microbreaker::Clock;

use crate::{MonotonicClock, Settings};

/// A clock of the user's choice: milliseconds since the breaker was made.
#[derive(Clone)]
pub(crate) struct SharedClock {
    clock: Arc<dyn Clock + Send + Sync>,
    start: u32,
}

impl SharedClock {
    pub(crate) fn new(clock: impl Clock + Send + Sync + 'static) -> Self {
        Self { start: clock.now(), clock: Arc::new(clock) }
    }

    /// The clock that goes with `settings`: precise where calls are timed.
    pub(crate) fn suitable(settings: &Settings) -> Self {
        #[cfg(feature = "coarse-clock")]
        if settings.slow_after.is_none() {
            return Self::new(crate::CoarseClock);
        }
        let _ = settings;
        Self::new(MonotonicClock::new())
    }

    /// The same clock, beginning now.
    pub(crate) fn restarted(self) -> Self {
        Self { start: self.clock.now(), ..self }
    }
}

impl Clock for SharedClock {
    #[inline]
    fn now(&self) -> u32 {
        self.clock.now().wrapping_sub(self.start)
    }
}

impl fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a clock")
    }
}

/// Ticks as time.
pub(crate) fn duration(ticks: u32) -> Duration {
    Duration::from_millis(ticks.into())
}
