//! No metrics, because the feature `metrics` is off.

use std::sync::Arc;
use std::time::Duration;

use microbreaker::Outcome;

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

impl Series {
    pub(crate) const fn new(_has_durations: bool, _: Reported) -> Self {
        Self
    }

    #[inline]
    pub(crate) const fn duration(&self, _name: &Arc<str>, _took: Duration, _: Outcome) {}

    pub(crate) const fn event(&self, _: &Event) {}

    pub(crate) const fn withdraw(&self, _name: &Arc<str>, _: &Counters) {}
}

#[cfg(feature = "fleet")]
pub(crate) const fn exchanged(_took: Duration, _succeeded: bool) {}
