//! What a breaker reports where a feature is on.

#[cfg(any(feature = "counts", feature = "stream"))]
use super::Breaker;

#[cfg(feature = "stream")]
impl Breaker {
    /// The events from now on, as a stream on any executor.
    pub fn events(&self) -> crate::telemetry::stream::Events {
        self.inner().telemetry.listeners.stream.subscribe()
    }
}

#[cfg(feature = "counts")]
impl Breaker {
    /// How many calls there were, summed over the threads that made them.
    #[must_use]
    pub fn counts(&self) -> crate::telemetry::counts::Counts {
        self.inner().telemetry.counters.sum()
    }
}

#[cfg(feature = "metrics")]
impl super::builder::Builder {
    /// Hands the duration of each call to the recorder of `metrics`, as the
    /// histogram `microbreaker_call_duration_seconds{breaker,outcome}`. Costs two
    /// readings of the precise clock and what the recorder takes. Install the
    /// recorder before the first call.
    pub fn measure_durations(mut self) -> Self {
        self.measures_durations = true;
        self
    }
}

#[cfg(feature = "metrics")]
impl Breaker {
    /// Hands what is measured to the recorder of `metrics`. Call it before each
    /// scrape: between two nothing is written that calls would have to wait for.
    ///
    /// Every series has the label `breaker`, the name.
    ///
    /// | series | |
    /// |---|---|
    /// | `microbreaker_state{phase}` | 1 for the phase it is in, 0 for the others |
    /// | `microbreaker_phase_seconds` | for how long it has been in it |
    /// | `microbreaker_retry_after_seconds` | for how long it is open, 0 if it is not |
    /// | `microbreaker_failure_ratio`, `microbreaker_slow_ratio` | of the calls in the window, 0 to 1; `NaN` where the snapshot has none |
    /// | `microbreaker_calls_total{outcome}` | calls that ended: `success`, `failure`, `ignored` |
    /// | `microbreaker_stale_calls_total` | those of them that ended after their phase |
    /// | `microbreaker_rejections_total` | calls that were refused |
    ///
    /// Counted as they happen: `microbreaker_transitions_total{from,to,cause}` and,
    /// in a dry run, `microbreaker_would_trip_total{cause}`.
    ///
    /// Install the recorder before the first of all: what it was not told of is not
    /// told again.
    pub fn publish_metrics(&self) {
        crate::telemetry::series::describe();
        self.publish();
    }

    pub(crate) fn publish(&self) {
        let telemetry = &self.inner().telemetry;
        telemetry.series.publish(&telemetry.name, self.snapshot(), &telemetry.counters);
    }
}
