//! How long a call takes.

use std::fmt;
use std::time::{Duration, Instant};

use microbreaker::Clock;
use microbreaker::clock::elapsed;

use crate::clock::{SharedClock, duration};

/// What measures calls: the breaker's clock if it was given one, or else the precise clock.
pub(crate) enum Timer {
    Off,
    Given(SharedClock),
    Precise,
}

/// When a call began, if it is measured.
#[derive(Clone, Copy)]
pub(crate) enum Stopwatch {
    Off,
    Given(u32),
    Precise(Instant),
}

impl Timer {
    pub(crate) fn new(measures: bool, given: Option<&SharedClock>) -> Self {
        match given {
            _ if !measures => Self::Off,
            Some(clock) => Self::Given(clock.clone()),
            None => Self::Precise,
        }
    }

    pub(crate) const fn is_on(&self) -> bool {
        !matches!(self, Self::Off)
    }

    #[inline]
    pub(crate) fn start(&self) -> Stopwatch {
        match self {
            Self::Off => Stopwatch::Off,
            Self::Given(clock) => Stopwatch::Given(clock.now()),
            Self::Precise => Stopwatch::Precise(Instant::now()),
        }
    }

    #[inline]
    pub(crate) fn stop(&self, stopwatch: Stopwatch) -> Option<Duration> {
        match (self, stopwatch) {
            (Self::Given(clock), Stopwatch::Given(tick)) => {
                Some(duration(elapsed(clock.now(), tick)))
            }
            (Self::Precise, Stopwatch::Precise(began)) => Some(began.elapsed()),
            _ => None,
        }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timer").field(&self.is_on()).finish()
    }
}
