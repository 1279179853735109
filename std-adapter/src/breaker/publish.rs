//! The telemetry of a breaker that features add.

#[cfg(any(feature = "counts", feature = "latency", feature = "stream"))]
use super::Breaker;
#[cfg(feature = "metrics")]
use crate::telemetry::series::Sums;

#[cfg(feature = "stream")]
impl Breaker {
    /// The events from now on as a stream, for any executor.
    pub fn events(&self) -> crate::telemetry::stream::Events {
        self.inner().telemetry.listeners.stream.subscribe()
    }
}

#[cfg(feature = "counts")]
impl Breaker {
    /// The number of calls by outcome, summed over the threads that made them.
    #[must_use]
    pub fn counts(&self) -> crate::telemetry::counts::Counts {
        self.inner().telemetry.counters.sum()
    }
}

#[cfg(feature = "latency")]
impl super::builder::Builder {
    /// Keeps how long the calls of the last minute took, for [`Breaker::latency`] and the
    /// page of the admin routes. Costs three readings of a clock and an atomic addition
    /// a call, and 4 KiB a breaker. The clock is the breaker's if it was
    /// [given](Self::clock) one, in whole milliseconds, or else the precise clock.
    pub fn measure_latency(mut self) -> Self {
        self.measures_latency = true;
        self
    }
}

#[cfg(feature = "latency")]
impl Breaker {
    /// How long the calls of the last minute took. `None` unless the breaker was built with
    /// [`measure_latency`](crate::Builder::measure_latency).
    #[must_use]
    pub fn latency(&self) -> Option<crate::telemetry::latency::Latency> {
        self.inner().telemetry.latency()
    }
}

#[cfg(feature = "metrics")]
impl super::builder::Builder {
    /// Reports the duration of each call to the recorder of `metrics`, as the
    /// histogram `microbreaker_call_duration_seconds{breaker,outcome}`. Costs two
    /// readings of a clock a call, and what the recorder takes: the breaker's clock if it
    /// was [given](Self::clock) one, in whole milliseconds, or else the precise clock.
    /// Install the recorder before the first call.
    pub fn measure_durations(mut self) -> Self {
        self.measures_durations = true;
        self
    }
}

#[cfg(feature = "metrics")]
impl Breaker {
    /// Reports the breaker's metrics to the recorder of `metrics`. Call it before each
    /// scrape. In between, calls write nothing that they would have to wait for.
    ///
    /// Every series has the label `breaker`: the breaker's name, or what its registry
    /// makes of it. Gauges of a label that several breakers of a registry share are
    /// published by the registry only.
    ///
    /// When the breaker is dropped, or removed from its registry, it is in no phase any
    /// more: its gauges become 0 or `NaN`. Exporters keep them until their idle time-out,
    /// if one is set (`idle_timeout` of `metrics-exporter-prometheus`).
    ///
    /// | series | |
    /// |---|---|
    /// | `microbreaker_state{phase}` | 1 for the current phase, 0 for the others |
    /// | `microbreaker_phase_seconds` | how long the breaker has been in that phase |
    /// | `microbreaker_retry_after_seconds` | how long it stays open, 0 if it is not open |
    /// | `microbreaker_failure_ratio`, `microbreaker_slow_ratio` | share of the calls in the window, 0 to 1; `NaN` where the snapshot has no rate |
    /// | `microbreaker_calls_total{outcome}` | calls that ended: `success`, `failure`, `ignored` |
    /// | `microbreaker_stale_calls_total` | those among them that ended after their phase |
    /// | `microbreaker_rejections_total` | calls that were refused |
    ///
    /// A breaker that has joined a fleet has these as well, as this instance has heard it
    /// last:
    ///
    /// | series | |
    /// |---|---|
    /// | `microbreaker_fleet_instances{sees}` | the instances that have a say, by what they see the service do: `working`, `failing`, or `nothing`, for want of calls since the last decision |
    /// | `microbreaker_fleet_open` | 1 while the fleet has decided to open |
    /// | `microbreaker_fleet_leases{held}` | leases for probes, by who holds them: `here`, `elsewhere` |
    /// | `microbreaker_fleet_age_seconds` | how long ago that was heard; `NaN` if more than three intervals, and then all the others are 0 |
    ///
    /// `microbreaker_transitions_total{from,to,cause}` and, in a dry run,
    /// `microbreaker_would_trip_total{cause}` are counted as they happen, and so are, for
    /// the process as a whole, exchanges with its fleet's store:
    /// `microbreaker_fleet_exchanges_total{outcome}` and the histogram
    /// `microbreaker_fleet_exchange_duration_seconds{outcome}`.
    ///
    /// Install the recorder before the first transition and the first call of this
    /// method: what it has missed is not reported again.
    pub fn publish_metrics(&self) {
        crate::telemetry::series::describe();
        self.publish(&mut Sums::default());
    }

    pub(crate) fn publish(&self, sums: &mut Sums) {
        let telemetry = &self.inner().telemetry;
        let (snapshot, heard) = (self.snapshot(), telemetry.member.heard());
        let counters = &telemetry.counters;
        telemetry.series.publish(&telemetry.name, &snapshot, heard.as_ref(), counters, sums);
    }
}
