//! Metrics, by way of the facade `metrics`.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use microbreaker::{Cause, Outcome, Phase};

use crate::snapshot::Snapshot;
use crate::telemetry::counts::{Counters, Counts};
use crate::telemetry::event::{Event, EventKind};

const STATE: &str = "microbreaker_state";
const PHASE_SECONDS: &str = "microbreaker_phase_seconds";
const RETRY_AFTER: &str = "microbreaker_retry_after_seconds";
const FAILURE_RATIO: &str = "microbreaker_failure_ratio";
const SLOW_RATIO: &str = "microbreaker_slow_ratio";
const CALLS: &str = "microbreaker_calls_total";
const STALE: &str = "microbreaker_stale_calls_total";
const REJECTIONS: &str = "microbreaker_rejections_total";
const TRANSITIONS: &str = "microbreaker_transitions_total";
const DURATION: &str = "microbreaker_call_duration_seconds";
const WOULD_TRIP: &str = "microbreaker_would_trip_total";

/// The causes that a dry run can report.
const POLICIES: [Cause; 5] = [
    Cause::ConsecutiveFailures,
    Cause::FailuresInWindow,
    Cause::FailureRate,
    Cause::SlowRate,
    Cause::Demanded,
];

const OUTCOMES: [&str; 3] = ["success", "failure", "ignored"];

/// What a breaker reports to the recorder of `metrics`.
pub(crate) struct Series {
    measures_durations: bool,
    /// For successes, failures and ignored calls. Looked up once, because the recorder
    /// takes longer to find a histogram than to record in it.
    durations: OnceLock<[Histogram; 3]>,
    published: Published,
}

/// When a call began, if its duration is measured.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch(Option<Instant>);

impl Series {
    pub(crate) fn new(measures_durations: bool) -> Self {
        Self { measures_durations, durations: OnceLock::new(), published: Published::default() }
    }

    pub(crate) const fn measures_durations(&self) -> bool {
        self.measures_durations
    }

    #[inline]
    pub(crate) fn start(&self) -> Stopwatch {
        Stopwatch(self.measures_durations.then(Instant::now))
    }

    /// Records the duration of a call, which is `took` if the caller knows better
    /// than the stopwatch.
    #[inline]
    pub(crate) fn stop(
        &self,
        stopwatch: Stopwatch,
        name: &Arc<str>,
        took: Option<Duration>,
        outcome: Outcome,
    ) {
        if let Some(began) = stopwatch.0 {
            self.record(name, took.unwrap_or_else(|| began.elapsed()), outcome);
        }
    }

    #[cold]
    fn record(&self, name: &Arc<str>, took: Duration, outcome: Outcome) {
        let histograms = self.durations.get_or_init(|| {
            describe_histogram!(DURATION, Unit::Seconds, "How long calls took, by outcome.");
            OUTCOMES.map(|of| histogram!(DURATION, "breaker" => name.clone(), "outcome" => of))
        });
        let [successes, failures, ignored] = histograms;
        let histogram = match outcome {
            Outcome::Success => successes,
            Outcome::Failure | Outcome::WeightedFailure(_) | Outcome::FailureOpenFor(_) => failures,
            Outcome::Ignored => ignored,
        };
        histogram.record(took);
    }

    /// Counts a rare event as it happens.
    pub(crate) fn event(&self, event: &Event) {
        let (name, cause) = (event.name.clone(), event.cause.name());
        match event.kind {
            EventKind::Transition { from, to, .. } => counter!(
                TRANSITIONS,
                "breaker" => name, "from" => from.name(), "to" => to.name(), "cause" => cause
            ),
            EventKind::WouldTrip => would_trip(&name, event.cause),
        }
        .increment(1);
    }

    pub(crate) fn publish(&self, name: &Arc<str>, snapshot: Snapshot, counters: &Counters) {
        publish_gauges(name, Some(snapshot));
        self.publish_counts(name, counters);
    }

    /// Publishes a last time, if anything was published: a breaker that is gone is in no
    /// phase.
    #[cfg(feature = "registry")]
    pub(crate) fn withdraw(&self, name: &Arc<str>, counters: &Counters) {
        if self.published.is_anything() {
            publish_gauges(name, None);
            self.publish_counts(name, counters);
        }
    }

    fn publish_counts(&self, name: &Arc<str>, counters: &Counters) {
        let labels = || [("breaker", name.to_string())];
        let new = self.published.add(counters);
        let by_outcome = [new.successes, new.failures, new.ignored];
        for (outcome, count) in OUTCOMES.into_iter().zip(by_outcome) {
            let calls = counter!(CALLS, "breaker" => name.clone(), "outcome" => outcome);
            calls.increment(count);
        }
        counter!(STALE, &labels()).increment(new.stale);
        counter!(REJECTIONS, &labels()).increment(new.rejections);
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Series").field(&self.measures_durations).finish()
    }
}

/// Publishes the gauges. Without a snapshot, they are those of a breaker that is gone.
fn publish_gauges(name: &Arc<str>, snapshot: Option<Snapshot>) {
    let labels = || [("breaker", name.to_string())];
    let now = snapshot.map(|snapshot| snapshot.phase);
    for &phase in Phase::ALL {
        let value = if Some(phase) == now { 1.0 } else { 0.0 };
        gauge!(STATE, "breaker" => name.clone(), "phase" => phase.name()).set(value);
    }
    let time = |time: Option<Duration>| time.unwrap_or_default();
    gauge!(PHASE_SECONDS, &labels()).set(time(snapshot.map(|it| it.in_phase_for)));
    gauge!(RETRY_AFTER, &labels()).set(time(snapshot.and_then(|it| it.retry_after)));
    let ratio = |percent: Option<f64>| percent.map_or(f64::NAN, |percent| percent / 100.0);
    gauge!(FAILURE_RATIO, &labels()).set(ratio(snapshot.and_then(|it| it.failure_rate)));
    gauge!(SLOW_RATIO, &labels()).set(ratio(snapshot.and_then(|it| it.slow_rate)));
    if now == Some(Phase::MetricsOnly) {
        // To Prometheus a counter that begins at one has not increased.
        for cause in POLICIES {
            would_trip(name, cause).increment(0);
        }
    }
}

fn would_trip(name: &Arc<str>, cause: Cause) -> Counter {
    counter!(WOULD_TRIP, "breaker" => name.clone(), "cause" => cause.name())
}

/// The counts that were last published, if any were.
///
/// The recorder gets what is new since then, not the sums: it may still have the counts
/// of an earlier breaker of the same name, which these continue.
#[derive(Debug, Default)]
struct Published(Mutex<Option<Counts>>);

impl Published {
    /// Advances to the sums now, and returns what is new.
    fn add(&self, counters: &Counters) -> Counts {
        let mut published = self.lock();
        let sums = counters.sum();
        let before = published.replace(sums).unwrap_or_default();
        Counts {
            successes: sums.successes - before.successes,
            failures: sums.failures - before.failures,
            ignored: sums.ignored - before.ignored,
            stale: sums.stale - before.stale,
            rejections: sums.rejections - before.rejections,
        }
    }

    #[cfg(feature = "registry")]
    fn is_anything(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Counts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Describes the series to the recorder.
pub(crate) fn describe() {
    describe_gauge!(STATE, "1 for the phase that the circuit breaker is in.");
    describe_gauge!(PHASE_SECONDS, Unit::Seconds, "How long it has been in its phase.");
    describe_gauge!(RETRY_AFTER, Unit::Seconds, "How long it is open; 0 if it is not.");
    describe_gauge!(FAILURE_RATIO, "The share of calls in the window that failed.");
    describe_gauge!(SLOW_RATIO, "The share of calls in the window that were slow.");
    describe_counter!(CALLS, "Calls that ended, by outcome.");
    describe_counter!(STALE, "Calls that ended after the phase they began in.");
    describe_counter!(REJECTIONS, "Calls that were refused.");
    describe_counter!(TRANSITIONS, "Transitions from one phase to another, by cause.");
    describe_counter!(WOULD_TRIP, "Trips that a dry run only reported, by cause.");
}
