//! No metrics, because the feature `metrics` is off.

use std::sync::Arc;
use std::time::Duration;

use microbreaker::Outcome;

use crate::clock::SharedClock;
use crate::telemetry::counts::Counters;
use crate::telemetry::event::Event;

#[derive(Debug)]
pub(crate) struct Series;

/// How a breaker is reported: not at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reported(());

#[cfg(feature = "registry")]
#[derive(Clone, Default)]
pub(crate) struct Labels;

#[cfg(feature = "registry")]
impl Labels {
    pub(crate) const fn of(&self, _name: &str) -> Reported {
        Reported(())
    }
}

/// Measures nothing.
#[derive(Debug)]
pub(crate) struct Timer;

impl Timer {
    pub(crate) const fn new(_measures: bool, _: Option<&SharedClock>) -> Self {
        Self
    }
}

/// Measures nothing.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch;

impl Series {
    pub(crate) const fn new(_: Timer, _: Reported) -> Self {
        Self
    }

    pub(crate) const fn measures_durations(&self) -> bool {
        false
    }

    #[inline]
    pub(crate) const fn start(&self) -> Stopwatch {
        Stopwatch
    }

    #[inline]
    pub(crate) const fn stop(
        &self,
        _: Stopwatch,
        _name: &Arc<str>,
        _took: Option<Duration>,
        _: Outcome,
    ) {
    }

    pub(crate) const fn event(&self, _: &Event) {}

    pub(crate) const fn withdraw(&self, _name: &Arc<str>, _: &Counters) {}
}
