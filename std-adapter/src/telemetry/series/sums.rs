//! The gauges of breakers, one by one or summed up under a label.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::{SharedString, Unit, describe_gauge, gauge};
use microbreaker::{Cause, Phase};

use super::{fleet, would_trip};
use crate::snapshot::Snapshot;
use crate::telemetry::heard::Heard;

const STATE: &str = "microbreaker_state";
const PHASE_SECONDS: &str = "microbreaker_phase_seconds";
const RETRY_AFTER: &str = "microbreaker_retry_after_seconds";
const FAILURE_RATIO: &str = "microbreaker_failure_ratio";
const SLOW_RATIO: &str = "microbreaker_slow_ratio";

/// The causes that a dry run can report.
const POLICIES: [Cause; 5] = [
    Cause::ConsecutiveFailures,
    Cause::FailuresInWindow,
    Cause::FailureRate,
    Cause::SlowRate,
    Cause::Demanded,
];

/// The gauges of one breaker, or of several together. Those of none are all zero.
#[derive(Clone, Copy, Default)]
pub(super) struct Gauges {
    in_phase: [u32; Phase::ALL.len()],
    phase_time: Duration,
    retry_after: Duration,
    failure_rate: Option<f64>,
    slow_rate: Option<f64>,
    /// Of those that are in a fleet.
    of_fleet: Option<fleet::Gauges>,
}

impl Gauges {
    pub(super) fn new(snapshot: &Snapshot, heard: Option<&Heard>) -> Self {
        let mut in_phase = [0; Phase::ALL.len()];
        for (count, &phase) in in_phase.iter_mut().zip(Phase::ALL) {
            *count = u32::from(phase == snapshot.phase);
        }
        Self {
            in_phase,
            phase_time: snapshot.in_phase_for,
            retry_after: snapshot.retry_after.unwrap_or_default(),
            failure_rate: snapshot.failure_rate,
            slow_rate: snapshot.slow_rate,
            of_fleet: heard.map(Into::into),
        }
    }

    fn add(&mut self, other: &Self) {
        for (count, more) in self.in_phase.iter_mut().zip(other.in_phase) {
            *count += more;
        }
        let larger =
            |a: Option<f64>, b: Option<f64>| a.map_or(b, |a| Some(b.map_or(a, |b| a.max(b))));
        self.phase_time = self.phase_time.max(other.phase_time);
        self.retry_after = self.retry_after.max(other.retry_after);
        self.failure_rate = larger(self.failure_rate, other.failure_rate);
        self.slow_rate = larger(self.slow_rate, other.slow_rate);
        if let Some(other) = &other.of_fleet {
            self.of_fleet.get_or_insert_default().add(other);
        }
    }
}

/// The gauges of breakers that share a label.
#[derive(Default)]
pub(crate) struct Sums(BTreeMap<SharedString, Gauges>);

impl Sums {
    pub(super) fn add(&mut self, label: &SharedString, gauges: &Gauges) {
        self.0.entry(label.clone()).or_default().add(gauges);
    }
}

/// The sums that were last published.
#[cfg(feature = "registry")]
#[derive(Default)]
pub(crate) struct Published(Sums);

#[cfg(feature = "registry")]
impl Published {
    /// Publishes `sums`, and withdraws those that are no longer among them.
    pub(crate) fn replace(&mut self, sums: Sums) {
        for (label, gauges) in self.0.0.iter().filter(|(label, _)| !sums.0.contains_key(*label)) {
            withdraw(label, gauges.of_fleet.is_some());
        }
        sums.0.iter().for_each(|(label, gauges)| publish(label, gauges));
        self.0 = sums;
    }
}

pub(super) fn publish(label: &SharedString, gauges: &Gauges) {
    let each = |name| gauge!(name, "breaker" => label.clone());
    for (&phase, count) in Phase::ALL.iter().zip(gauges.in_phase) {
        gauge!(STATE, "breaker" => label.clone(), "phase" => phase.name()).set(count);
        if phase == Phase::MetricsOnly && count > 0 {
            // To Prometheus a counter that begins at one has not increased.
            for cause in POLICIES {
                would_trip(label, cause).increment(0);
            }
        }
    }
    let ratio = |percent: Option<f64>| percent.map_or(f64::NAN, |percent| percent / 100.0);
    each(PHASE_SECONDS).set(gauges.phase_time);
    each(RETRY_AFTER).set(gauges.retry_after);
    each(FAILURE_RATIO).set(ratio(gauges.failure_rate));
    each(SLOW_RATIO).set(ratio(gauges.slow_rate));
    if let Some(of_fleet) = &gauges.of_fleet {
        fleet::publish(label, of_fleet);
    }
}

/// Publishes that no breaker is behind the label: nor one of a fleet, if there was one.
pub(super) fn withdraw(label: &SharedString, of_fleet: bool) {
    let of_fleet = of_fleet.then(fleet::Gauges::default);
    publish(label, &Gauges { of_fleet, ..Gauges::default() });
}

pub(super) fn describe() {
    fleet::describe();
    describe_gauge!(STATE, "How many circuit breakers of that label are in the phase.");
    describe_gauge!(PHASE_SECONDS, Unit::Seconds, "How long it has been in its phase.");
    describe_gauge!(RETRY_AFTER, Unit::Seconds, "How long it is open; 0 if it is not.");
    describe_gauge!(FAILURE_RATIO, "The share of calls in the window that failed.");
    describe_gauge!(SLOW_RATIO, "The share of calls in the window that were slow.");
}
