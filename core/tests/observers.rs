//! With several observers, each hears everything that a single one would.

use std::cell::{Cell, RefCell};

use microbreaker::{
    Breaker, Cause, Config, Counters, Counts, Observer, Outcome, Rejected, Transition,
    clock::ManualClock,
};
#[cfg(feature = "history")]
use microbreaker::{History, Phase};

/// Notes everything it hears.
#[derive(Default)]
struct Recorder(RefCell<Vec<String>>);

impl Recorder {
    fn note(&self, text: String) {
        self.0.borrow_mut().push(text);
    }
}

impl Observer for Recorder {
    fn transition(&self, transition: &Transition) {
        self.note(format!("to {:?}", transition.to));
    }

    fn admission_changed(&self, generation: u8) {
        self.note(format!("admission changed in {generation}"));
    }

    fn outcome(&self, outcome: Outcome, stale: bool) {
        self.note(format!("{outcome:?}{}", if stale { ", stale" } else { "" }));
    }

    fn rejection(&self, rejected: &Rejected) {
        self.note(format!("rejected when {:?}", rejected.phase));
    }

    fn would_trip(&self, cause: Cause) {
        self.note(format!("would trip: {cause:?}"));
    }
}

/// Makes a breaker send `observer` every kind of event.
fn tell(observer: impl Observer) {
    let clock = ManualClock::new(0);
    let config = Config::new().consecutive_failures(1).open_for(10);
    let breaker = Breaker::observed(config, (), &clock, observer);
    let early = breaker.try_acquire().unwrap();
    breaker.try_acquire().unwrap().success();
    breaker.try_acquire().unwrap().ignore();
    breaker.try_acquire().unwrap().failure();
    early.finish(Outcome::FailureOpenFor(5));
    assert!(breaker.try_acquire().is_err());
    breaker.trip();
    breaker.metrics_only();
    breaker.try_acquire().unwrap().failure();
}

fn assert_heard(recorder: &Recorder) {
    let told = [
        "Success",
        "Ignored",
        "to Open",
        "Failure",
        "FailureOpenFor(5), stale",
        "rejected when Open",
        "admission changed in 2",
        "to MetricsOnly",
        "would trip: ConsecutiveFailures",
        "Failure",
    ];
    assert_eq!(*recorder.0.borrow(), told);
}

#[test]
fn several_observers_hear_everything() {
    let (first, second, third) = (Recorder::default(), Recorder::default(), Recorder::default());
    tell((&first, (&second, &third)));
    for recorder in [&first, &second, &third] {
        assert_heard(recorder);
    }
}

/// Notes when transitions are made, if anybody asks for that.
#[derive(Default)]
struct Ticks {
    needed: bool,
    last: Cell<u32>,
}

impl Observer for Ticks {
    fn transition(&self, transition: &Transition) {
        self.last.set(transition.tick);
    }

    fn needs_ticks(&self) -> bool {
        self.needed
    }
}

#[test]
fn ticks_are_told_if_any_observer_needs_them() {
    for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
        let ticks = [first, second].map(|needed| Ticks { needed, last: Cell::new(u32::MAX) });
        let clock = ManualClock::new(7);
        let config = Config::new().consecutive_failures(1).open_for(10);
        let breaker = Breaker::observed(config, (), &clock, (&ticks[0], &ticks[1]));
        breaker.trip();
        let tick = if first || second { 7 } else { 0 };
        assert_eq!(ticks.each_ref().map(|ticks| ticks.last.get()), [tick; 2]);
    }
}

#[cfg(feature = "history")]
#[test]
fn a_history_keeps_the_last_transitions() {
    fn path<const N: usize>() -> Vec<(Phase, Phase, Cause)> {
        let history = History::<N>::new();
        tell(&history);
        history.snapshot().iter().map(|told| (told.from, told.to, told.cause)).collect()
    }
    let opened = (Phase::Closed, Phase::Open, Cause::ConsecutiveFailures);
    let overridden = (Phase::Open, Phase::MetricsOnly, Cause::Manual);
    assert_eq!(path::<4>(), [opened, overridden]);
    assert_eq!(path::<1>(), [overridden]);
}

#[test]
fn counters_count_everything() {
    let counters = Counters::new();
    tell(&counters);
    let Counts { successes, failures, ignored, stale, rejections, transitions, .. } =
        counters.counts();
    assert_eq!((successes, failures, ignored, stale), (1, 3, 1, 1));
    assert_eq!((rejections, transitions), (1, 2));
}
