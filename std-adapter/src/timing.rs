//! From the clock and the ticks of the core to those of `std`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use microbreaker::Clock;

/// A clock of the user's choice: milliseconds.
#[derive(Clone)]
pub(crate) struct SharedClock(Arc<dyn Clock + Send + Sync>);

impl SharedClock {
    pub(crate) fn new(clock: impl Clock + Send + Sync + 'static) -> Self {
        Self(Arc::new(clock))
    }
}

impl Clock for SharedClock {
    #[inline]
    fn now(&self) -> u32 {
        self.0.now()
    }
}

impl fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a clock")
    }
}

/// The longest wait that the core knows.
const MOST_TICKS: u32 = (1 << 31) - 1;

/// A wait that somebody demands, as near to it as the core can count.
pub(crate) fn demanded(wait: Duration) -> u32 {
    crate::millis(wait).min(MOST_TICKS)
}

/// Ticks as time.
pub(crate) fn duration(ticks: u32) -> Duration {
    Duration::from_millis(ticks.into())
}
