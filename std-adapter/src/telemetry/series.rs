//! Metrics, by way of the facade `metrics`.

#[cfg(feature = "fleet")]
mod exchanges;
mod fleet;
mod label;
mod sums;

use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use metrics::{
    Counter, Histogram, SharedString, Unit, counter, describe_counter, describe_histogram,
    histogram,
};
use microbreaker::{Cause, Outcome};

#[cfg(feature = "fleet")]
pub(crate) use self::exchanges::exchanged;
pub use self::label::Label;
#[cfg(feature = "registry")]
pub(crate) use self::label::Labels;
pub(crate) use self::label::Reported;
use self::sums::Gauges;
#[cfg(feature = "registry")]
pub(crate) use self::sums::Published;
pub(crate) use self::sums::Sums;
use crate::snapshot::Snapshot;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard};
use crate::telemetry::counts::{Counters, Counts};
use crate::telemetry::event::{Event, EventKind};
use crate::telemetry::heard::Heard;

const CALLS: &str = "microbreaker_calls_total";
const STALE: &str = "microbreaker_stale_calls_total";
const REJECTIONS: &str = "microbreaker_rejections_total";
const TRANSITIONS: &str = "microbreaker_transitions_total";
const DURATION: &str = "microbreaker_call_duration_seconds";
const WOULD_TRIP: &str = "microbreaker_would_trip_total";

const OUTCOMES: [&str; 3] = ["success", "failure", "ignored"];

/// What a breaker reports to the recorder of `metrics`.
pub(crate) struct Series {
    /// Whether durations are reported.
    has_durations: bool,
    reported: Reported,
    /// Whether it has no label of its own now, because others are busier.
    is_other: AtomicBool,
    /// For successes, failures and ignored calls, under its own label and as one of the
    /// others. Looked up once, because the recorder takes longer to find a histogram than
    /// to record in it.
    durations: [OnceLock<[Histogram; 3]>; 2],
    last: Mutex<Last>,
}

/// What was last published.
#[derive(Debug, Default)]
struct Last {
    /// The counts, if any were. The recorder gets what is new since then, not the sums:
    /// it may still have the counts of an earlier breaker of the same name, which these
    /// continue.
    counts: Option<Counts>,
    /// Whether gauges of a fleet were, under its own label.
    of_fleet: bool,
    /// Whether the breaker is gone, and has no gauges any more.
    is_withdrawn: bool,
}

impl Series {
    pub(crate) fn new(has_durations: bool, reported: Reported) -> Self {
        let is_other = AtomicBool::new(reported.only_if_busy);
        let (durations, last) = Default::default();
        Self { has_durations, reported, is_other, durations, last }
    }

    /// Reports how long a call took, if durations are reported.
    pub(crate) fn duration(&self, name: &Arc<str>, took: Duration, outcome: Outcome) {
        if !self.has_durations {
            return;
        }
        let Some(label) = self.label(name) else { return };
        let durations = &self.durations[usize::from(self.is_other.load(Ordering::Relaxed))];
        let histograms = durations.get_or_init(|| {
            describe_histogram!(DURATION, Unit::Seconds, "How long calls took, by outcome.");
            OUTCOMES.map(|of| histogram!(DURATION, "breaker" => label.clone(), "outcome" => of))
        });
        let [successes, failures, ignored] = histograms;
        let histogram = match outcome {
            Outcome::Success => successes,
            Outcome::Failure | Outcome::FailureOpenFor(_) | Outcome::WeightedFailure(_) => failures,
            Outcome::Ignored => ignored,
        };
        histogram.record(took);
    }

    /// Counts a rare event as it happens.
    pub(crate) fn event(&self, event: &Event) {
        let Some(label) = self.label(&event.name) else { return };
        let cause = event.cause.name();
        match event.kind {
            EventKind::Transition { from, to, .. } => counter!(
                TRANSITIONS,
                "breaker" => label, "from" => from.name(), "to" => to.name(), "cause" => cause
            ),
            EventKind::WouldTrip => would_trip(&label, event.cause),
        }
        .increment(1);
    }

    /// Publishes the counts, and the gauges too if the label is the breaker's own.
    /// Otherwise adds these to the sums of its label.
    pub(crate) fn publish(
        &self,
        name: &Arc<str>,
        snapshot: &Snapshot,
        heard: Option<&Heard>,
        counters: &Counters,
        sums: &mut Sums,
    ) {
        let Some(label) = self.label(name) else { return };
        // Locked until all is published: what is withdrawn later stays withdrawn.
        let mut last = self.last();
        if !last.is_withdrawn {
            let gauges = Gauges::new(snapshot, heard);
            if self.is_alone() {
                sums::publish(&label, &gauges);
                last.of_fleet |= heard.is_some();
            } else {
                sums.add(&label, &gauges);
            }
        }
        publish_counts(&label, &mut last, counters);
    }

    /// Publishes a last time, if anything was published: a breaker that is gone is in no
    /// phase.
    pub(crate) fn withdraw(&self, name: &Arc<str>, counters: &Counters) {
        let mut last = self.last();
        if let (Some(_), Some(label)) = (last.counts, self.label(name)) {
            if self.is_alone() && !last.is_withdrawn {
                sums::withdraw(&label, last.of_fleet);
            }
            publish_counts(&label, &mut last, counters);
        }
        last.is_withdrawn = true;
    }

    /// Whether it has a label of its own only while it is busy.
    #[cfg(feature = "registry")]
    pub(crate) const fn only_if_busy(&self) -> bool {
        self.reported.only_if_busy
    }

    /// Gives it a label of its own, or takes it away.
    #[cfg(feature = "registry")]
    pub(crate) fn set_busy(&self, name: &Arc<str>, is_busy: bool) {
        let last = self.last();
        if self.is_alone() && !is_busy && last.counts.is_some() && !last.is_withdrawn {
            sums::withdraw(&SharedString::from_shared(name.clone()), last.of_fleet);
        }
        self.is_other.store(!is_busy, Ordering::Relaxed);
    }

    /// Whether its label is its own.
    fn is_alone(&self) -> bool {
        self.reported.label == Label::Name && !self.is_other.load(Ordering::Relaxed)
    }

    fn label(&self, name: &Arc<str>) -> Option<SharedString> {
        match &self.reported.label {
            Label::Name if self.is_alone() => Some(SharedString::from_shared(name.clone())),
            Label::Name => Some(SharedString::const_str("other")),
            Label::Group(group) => Some(SharedString::from_shared(group.clone())),
            Label::Dropped => None,
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes what is new.
fn publish_counts(label: &SharedString, last: &mut Last, counters: &Counters) {
    let sums = counters.sum();
    let before = last.counts.replace(sums).unwrap_or_default();
    let by_outcome = [
        sums.successes - before.successes,
        sums.failures - before.failures,
        sums.ignored - before.ignored,
    ];
    for (outcome, count) in OUTCOMES.into_iter().zip(by_outcome) {
        counter!(CALLS, "breaker" => label.clone(), "outcome" => outcome).increment(count);
    }
    counter!(STALE, "breaker" => label.clone()).increment(sums.stale - before.stale);
    counter!(REJECTIONS, "breaker" => label.clone()).increment(sums.rejections - before.rejections);
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Series").field(&self.has_durations).finish()
    }
}

fn would_trip(label: &SharedString, cause: Cause) -> Counter {
    counter!(WOULD_TRIP, "breaker" => label.clone(), "cause" => cause.name())
}

/// Describes the series to the recorder.
pub(crate) fn describe() {
    sums::describe();
    describe_counter!(CALLS, "Calls that ended, by outcome.");
    describe_counter!(STALE, "Calls that ended after the phase they began in.");
    describe_counter!(REJECTIONS, "Calls that were refused.");
    describe_counter!(TRANSITIONS, "Transitions from one phase to another, by cause.");
    describe_counter!(WOULD_TRIP, "Trips that a dry run only reported, by cause.");
}
