//! No metrics, because the feature `metrics` is off.

use std::sync::Arc;
use std::time::Duration;

use microbreaker::Outcome;

#[cfg(feature = "registry")]
use crate::telemetry::counts::Counters;
use crate::telemetry::event::Event;

#[derive(Debug)]
pub(crate) struct Series;

/// Measures nothing.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch;

impl Series {
    pub(crate) const fn new(_measures_durations: bool) -> Self {
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

    #[cfg(feature = "registry")]
    pub(crate) const fn withdraw(&self, _name: &Arc<str>, _: &Counters) {}
}
