//! What the adapter's breakers share beside their engines: the window with a stripe for each
//! thread, counts, listeners, the numbers of events, and the last good value.
#![cfg(loom)]

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loom::sync::atomic::{AtomicBool, Ordering};
use microbreaker::{Config, Phase, Tally, TimeWindow};
use microbreaker_loom_tests::*;
use microbreaker_std::{Breaker, ErrorsFail, Event, EventKind, LastGood, Striped};

const SECOND: Duration = Duration::from_secs(1);

fn breaker() -> Arc<Breaker> {
    let builder = Breaker::builder("users").consecutive_failures(9).open_for(SECOND);
    Arc::new(builder.clock(Still).build().unwrap())
}

fn succeed(breaker: &Breaker) {
    breaker.call(|| Ok::<_, ()>(())).unwrap();
}

/// What a listener has heard. Hidden from loom, because it would order the threads.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Event>>>);

impl Heard {
    fn listener(&self) -> impl Fn(&Event) + Send + Sync + 'static + use<> {
        let heard = self.clone();
        move |event| heard.0.lock().unwrap().push(event.clone())
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// One of the threads has a line of its own, the others share one.
#[test]
fn no_count_is_lost() {
    model_with(2, || {
        let breaker = breaker();
        succeed(&breaker);
        race3(&breaker, succeed, succeed, succeed);
        assert_eq!(breaker.counts().successes, 4);
    });
}

#[test]
fn a_sum_beside_calls_never_goes_back() {
    model_with(2, || {
        let breaker = breaker();
        let read = |breaker: &Breaker| {
            let (first, second) = (breaker.counts().successes, breaker.counts().successes);
            assert!(first <= second && second <= 2, "{first}, then {second}");
        };
        race3(&breaker, succeed, succeed, read);
        assert_eq!(breaker.counts().successes, 2);
    });
}

#[test]
fn listeners_that_are_added_at_once_are_all_there() {
    model(|| {
        let breaker = breaker();
        let heard = Heard::default();
        let (one, other) = (heard.listener(), heard.listener());
        race(&breaker, |breaker| breaker.on_event(one), |breaker| breaker.on_event(other));
        breaker.trip();
        assert_eq!(heard.count(), 2);
    });
}

/// It may miss the one that happens meanwhile, and hears all from then on.
#[test]
fn a_listener_that_is_added_beside_an_event_hears_the_next() {
    model_with(1, || {
        let breaker = breaker();
        let heard = Heard::default();
        let listener = heard.listener();
        race(&breaker, Breaker::trip, |breaker| {
            breaker.on_event(listener);
            breaker.reset();
        });
        let count = heard.count();
        // Before the trip, the reset is none.
        assert!(count <= 2, "{count}");
        breaker.disable();
        assert_eq!(heard.count(), count + 1);
    });
}

#[test]
fn numbers_of_events_tell_the_order_of_transitions() {
    model_with(1, || {
        let breaker = breaker();
        let heard = Heard::default();
        breaker.on_event(heard.listener());
        race(&breaker, Breaker::force_open, Breaker::disable);
        let mut events = heard.0.lock().unwrap().clone();
        events.sort_by_key(|event| event.sequence);
        let mut phase = Phase::Closed;
        for event in &*events {
            let EventKind::Transition { from, to, .. } = event.kind else { panic!("no dry run") };
            assert_eq!(from, phase, "{events:?}");
            phase = to;
        }
        assert!(events.is_sorted_by(|a, b| a.sequence < b.sequence));
    });
}

type Last<T> = LastGood<(), T>;

fn keep<T: Clone>(last: &Last<T>, value: T) {
    assert!(last.or_last((), Ok::<_, ()>(value), ErrorsFail).is_ok());
}

fn read<T: Clone>(last: &Last<T>) -> Option<T> {
    last.or_last((), Err(()), ErrorsFail).ok()
}

#[test]
fn the_last_good_value_is_whole_and_the_last() {
    model(|| {
        let last = Arc::new(LastGood::by(Still, 1).no_older_than(SECOND));
        let keep = |value: u32| move |last: &Last<_>| keep(last, (value, value));
        race3(&last, keep(1), keep(2), |last| {
            let seen = [read(last), read(last)];
            assert!(seen.iter().flatten().all(|(a, b)| a == b), "{seen:?}");
            assert!(seen[0].is_none() || seen[1].is_some(), "it does not forget: {seen:?}");
        });
        assert!(read(&last).is_some());
    });
}

/// A value is never older than the clock says: the clock is read after the other thread's.
#[test]
fn a_value_of_a_thread_that_read_the_clock_later_stands_in() {
    model(|| {
        let ticks = Ticks::at(0);
        let last = Arc::new(LastGood::by(ticks.clone(), 1).no_older_than(SECOND));
        let (kept, clock) = (Arc::new(AtomicBool::new(false)), ticks.clone());
        let done = kept.clone();
        race(
            &last,
            move |last| {
                clock.advance(70_000);
                keep(last, 42);
                done.store(true, Ordering::Release);
            },
            |last| {
                let was_kept = kept.load(Ordering::Acquire);
                let seen = read(last);
                assert!(!was_kept || seen.is_some());
            },
        );
        assert_eq!(read(&last), Some(42), "it is not too old");
    });
}

loom::thread_local! {
    static STRIPE: Cell<usize> = Cell::new(0);
}

/// Two stripes by time; threads use the first until told otherwise.
fn stripes() -> Striped<TimeWindow<2>> {
    Striped::with(2, TimeWindow::new, || STRIPE.with(Cell::get))
}

fn on_the_second<T>(f: impl FnOnce() -> T) -> T {
    STRIPE.with(|stripe| stripe.set(1));
    f()
}

const BY_TIME: Config = Config::new().bucket(10).open_for(10);

#[test]
fn failures_in_two_stripes_by_time() {
    model_with(1, || {
        let breaker = still(BY_TIME.failures_in_window(2), stripes());
        race(&breaker, |b| on_the_second(|| b.fail()), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// Each of them finds the bucket over and begins the next.
#[test]
fn failures_in_two_stripes_at_the_edge_of_a_bucket() {
    model_with(1, || {
        let (breaker, ticks) = ticking(BY_TIME.failures_in_window(2), stripes());
        breaker.succeed();
        ticks.advance(10);
        race(&breaker, |b| on_the_second(|| b.fail()), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn a_sum_of_stripes_by_time_beside_calls() {
    model_with(1, || {
        let breaker = still(BY_TIME.failures_in_window(4), stripes());
        race3(
            &breaker,
            |b| on_the_second(|| b.fail()),
            |b| b.succeed(),
            |b| {
                let Tally { calls, failed, .. } = b.tally();
                assert!(failed <= 1 && failed <= calls && calls <= 2, "{failed} of {calls}");
            },
        );
        assert_eq!(breaker.tally(), Tally { calls: 2, failed: 1, slow: 0, level: 0 });
    });
}

/// A call on a ramp may note the tenure before the thread that closed the breaker tells of it.
#[test]
fn numbers_of_events_tell_the_order_beside_calls_on_a_ramp() {
    model_with(2, || {
        let builder = Breaker::builder("users").consecutive_failures(1).open_for(SECOND);
        let breaker = Arc::new(builder.ramp([99], SECOND).clock(Still).build().unwrap());
        let heard = Heard::default();
        breaker.on_event(heard.listener());
        breaker.trip();
        breaker.half_open().unwrap();
        let probe = breaker.try_acquire_owned().unwrap();
        race(
            &breaker,
            |_| probe.success(),
            |b| {
                for _ in 0..2 {
                    if let Ok(permit) = b.try_acquire() {
                        permit.failure();
                    }
                }
            },
        );
        let mut events = heard.0.lock().unwrap().clone();
        events.sort_by_key(|event| event.sequence);
        let mut phase = Phase::Closed;
        for event in &*events {
            let EventKind::Transition { from, to, .. } = event.kind else { panic!("no dry run") };
            let told: Vec<_> = events.iter().map(|e| (e.sequence, e.kind)).collect();
            assert_eq!(from, phase, "{told:?}");
            phase = to;
        }
    });
}
