//! Nothing is measured, because the features `latency` and `metrics` are off.

use std::time::Duration;

use crate::clock::SharedClock;

#[derive(Debug)]
pub(crate) struct Timer;

#[derive(Clone, Copy)]
pub(crate) struct Stopwatch;

impl Timer {
    pub(crate) const fn new(_measures: bool, _: Option<&SharedClock>) -> Self {
        Self
    }

    pub(crate) const fn is_on(&self) -> bool {
        false
    }

    #[inline]
    pub(crate) const fn start(&self) -> Stopwatch {
        Stopwatch
    }

    #[inline]
    pub(crate) const fn stop(&self, _: Stopwatch) -> Option<Duration> {
        None
    }
}
