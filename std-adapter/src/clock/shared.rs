//! The clock of a breaker, whichever type it has.

use std::fmt;
use std::sync::Arc;

use microbreaker::Clock;

#[cfg(feature = "coarse-clock")]
use super::coarse::CoarseClock;
use super::monotonic::MonotonicClock;

/// Any clock, counting from when the breaker was built.
#[derive(Clone)]
pub(crate) struct SharedClock {
    clock: Arc<dyn Clock + Send + Sync>,
    start: u64,
}

impl SharedClock {
    pub(crate) fn new(clock: impl Clock + Send + Sync + 'static) -> Self {
        Self { start: start(&clock), clock: Arc::new(clock) }
    }

    /// The default clock: coarse, or precise if calls are timed.
    pub(crate) fn suitable(calls_are_timed: bool) -> Self {
        #[cfg(feature = "coarse-clock")]
        if !calls_are_timed {
            return Self::new(CoarseClock);
        }
        let _ = calls_are_timed;
        Self::new(MonotonicClock::new())
    }

    /// The same clock, counting from now.
    pub(crate) fn restarted(self) -> Self {
        Self { start: start(&*self.clock), ..self }
    }
}

fn start(clock: &dyn Clock) -> u64 {
    clock.now_64().unwrap_or_else(|| clock.now().into())
}

impl Clock for SharedClock {
    #[inline]
    fn now(&self) -> u32 {
        self.clock.now().wrapping_sub(self.start as u32)
    }

    #[inline]
    fn now_64(&self) -> Option<u64> {
        Some(self.clock.now_64()?.wrapping_sub(self.start))
    }
}

impl fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a clock")
    }
}

#[cfg(all(test, feature = "coarse-clock", target_os = "linux"))]
mod tests {
    use super::*;

    /// The precise one counts from when it was made, the other one from when the system was
    /// started.
    #[test]
    fn calls_are_timed_by_a_precise_clock() {
        assert!(SharedClock::suitable(true).start < SharedClock::suitable(false).start);
    }
}
