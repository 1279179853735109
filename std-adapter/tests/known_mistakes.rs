//! Mistakes found in other circuit breakers and not made here. Each test is named after
//! its mistake.
//!
//! Mistakes with callbacks are in `events.rs`, with registries in `registry.rs`, with
//! memory in `no_alloc.rs`; those with tower layers (`tower.rs`) and metrics
//! (`metrics.rs`) are in `verify/integration/tests`.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Waker};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Builder, EventKind, Phase};

const SECOND: Duration = Duration::from_secs(1);

/// Opens for ten seconds.
fn builder(clock: &PausedClock) -> Builder {
    Breaker::builder("users").open_for(10 * SECOND).clock(clock.clone())
}

/// Trips at the first failure.
fn touchy() -> (Breaker, PausedClock) {
    let clock = PausedClock::new();
    (builder(&clock).consecutive_failures(1).build().unwrap(), clock)
}

fn succeed(breaker: &Breaker) {
    breaker.call(|| Ok::<_, ()>(())).expect("the breaker admits calls");
}

/// Fails calls until the breaker opens, and returns how many it took.
fn failures_to_open(breaker: &Breaker) -> u32 {
    let mut failures = 0;
    while breaker.phase() == Phase::Closed {
        assert!(breaker.call(|| Err::<(), _>(())).is_err());
        failures += 1;
    }
    failures
}

fn recover(breaker: &Breaker, clock: &PausedClock) {
    clock.advance(10 * SECOND);
    succeed(breaker);
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_sliding_window_that_never_slides() {
    let breaker = builder(&PausedClock::new()).failure_rate(50).last_calls(100).build().unwrap();
    (0..100_000).for_each(|_| succeed(&breaker));
    assert_eq!(failures_to_open(&breaker), 50);
}

#[test]
fn blind_for_the_first_window_after_start_and_after_recovery() {
    let clock = PausedClock::new();
    let builder = builder(&clock).failure_rate(50).min_calls(5).last_calls(100);
    let breaker = builder.build().unwrap();
    for _ in 0..3 {
        assert_eq!(failures_to_open(&breaker), 5);
        recover(&breaker, &clock);
    }
}

#[test]
fn off_by_one() {
    let clock = PausedClock::new();
    let windows = [
        builder(&clock).failures_in_window(100).last_calls(100),
        builder(&clock).failure_rate(100).min_calls(100).last_calls(100),
        builder(&clock).consecutive_failures(100),
    ];
    for builder in windows {
        assert_eq!(failures_to_open(&builder.build().unwrap()), 100);
    }
}

#[test]
fn half_open_lets_everyone_through() {
    let (breaker, clock) = touchy();
    for _ in 0..100 {
        breaker.trip();
        clock.advance(10 * SECOND);
        let (admitted, start) = (AtomicU32::new(0), Barrier::new(4));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    if let Ok(permit) = breaker.try_acquire() {
                        admitted.fetch_add(1, Ordering::Relaxed);
                        start.wait();
                        permit.ignore();
                    } else {
                        start.wait();
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 1);
    }
}

#[test]
fn a_hung_probe_wedges_it() {
    let (breaker, clock) = touchy();
    breaker.trip();
    clock.advance(10 * SECOND);
    let mut hung = pin!(breaker.call_async(pending::<Result<(), ()>>()));
    assert!(hung.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(breaker.try_acquire().is_err(), "the probe is out");
    // The probe's timeout, and the opening that follows.
    clock.advance(20 * SECOND);
    succeed(&breaker);
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_cancelled_or_panicking_probe_wedges_it() {
    let (breaker, clock) = touchy();
    breaker.trip();
    clock.advance(10 * SECOND);
    drop(breaker.try_acquire().unwrap());
    let call = AssertUnwindSafe(|| breaker.call(|| -> Result<(), ()> { panic!("of the probe") }));
    assert!(catch_unwind(call).is_err());
    assert_eq!(breaker.phase(), Phase::Open);
    recover(&breaker, &clock);
}

#[test]
fn more_successes_are_required_than_probes_are_given_out() {
    let builder = builder(&PausedClock::new()).consecutive_failures(1).probes(2).successes(3);
    let error = builder.build().unwrap_err().to_string();
    assert!(error.ends_with("successes is 3, but must be 1 to 2"), "{error}");
}

#[test]
fn probes_farther_apart_than_the_window_never_close_it() {
    let clock = PausedClock::new();
    let builder = builder(&clock).failure_rate(50).within(SECOND).probes(3).no_probe_timeout();
    let breaker = builder.build().unwrap();
    breaker.trip();
    for _ in 0..3 {
        clock.advance(3_600 * SECOND);
        succeed(&breaker);
    }
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn an_outcome_of_an_earlier_episode_closes_or_reopens_it() {
    let (breaker, clock) = touchy();
    let (good, bad) = (breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap());
    breaker.trip();
    clock.advance(10 * SECOND);
    let probe = breaker.try_acquire().unwrap();
    good.success();
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    bad.failure();
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    probe.success();
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn late_failures_extend_the_open_period_and_are_reported_again() {
    let (breaker, clock) = touchy();
    let told = Arc::new(AtomicU32::new(0));
    let count = told.clone();
    breaker.on_event(move |event| {
        if matches!(event.kind, EventKind::Transition { to: Phase::Open, .. }) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let late: Vec<_> = (0..10).map(|_| breaker.try_acquire().unwrap()).collect();
    assert_eq!(failures_to_open(&breaker), 1);
    clock.advance(9 * SECOND);
    late.into_iter().for_each(|permit| permit.failure());
    assert_eq!(breaker.snapshot().retry_after, Some(SECOND));
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

#[test]
fn racing_trips_skip_the_wait() {
    let (breaker, _) = touchy();
    for _ in 0..200 {
        breaker.reset();
        let start = Barrier::new(3);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let permit = breaker.try_acquire().unwrap();
                    start.wait();
                    permit.failure();
                    assert_eq!(breaker.phase(), Phase::Open);
                    assert!(breaker.try_acquire().is_err());
                });
            }
        });
        assert_eq!(breaker.snapshot().retry_after, Some(10 * SECOND));
    }
}

#[test]
fn the_count_of_probes_underflows_and_everyone_is_admitted() {
    let (breaker, clock) = touchy();
    let earlier: Vec<_> = (0..5).map(|_| breaker.try_acquire().unwrap()).collect();
    breaker.trip();
    clock.advance(10 * SECOND);
    let probe = breaker.try_acquire().unwrap();
    // None of these is a probe, so none has a place to hand back.
    earlier.into_iter().for_each(drop);
    assert!(breaker.try_acquire().is_err(), "the probe is out");
    probe.ignore();
    let _probe = breaker.try_acquire().unwrap();
    assert!(breaker.try_acquire().is_err(), "there is one place again, not more");
}

#[test]
fn a_wrapping_or_backward_clock_pins_it_open() {
    let tick = Arc::new(AtomicU32::new(u32::MAX - 5_000));
    let clock = tick.clone();
    let breaker = Breaker::builder("users").consecutive_failures(1).open_for(10 * SECOND);
    let breaker = breaker.clock(move || clock.load(Ordering::Relaxed)).build().unwrap();
    breaker.trip();
    let wait = |tick_now: u32| {
        tick.store(tick_now, Ordering::Relaxed);
        breaker.snapshot().retry_after
    };
    assert_eq!(wait(u32::MAX - 6_000), Some(10 * SECOND), "a step back is no time");
    assert_eq!(wait(0), Some(Duration::from_millis(4_999)), "across the wrap");
    assert_eq!(wait(4_999), None);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
}

#[test]
fn a_backoff_below_a_second_panics() {
    let clock = PausedClock::new();
    let millis = Duration::from_millis;
    let builder = Breaker::builder("users").consecutive_failures(1).clock(clock.clone());
    let breaker = builder.open_for(millis(1)).backoff(2, millis(3)).build().unwrap();
    breaker.trip();
    for wait in [1, 2, 3, 3] {
        assert_eq!(breaker.snapshot().retry_after, Some(millis(wait)));
        clock.advance(millis(wait));
        assert!(breaker.call(|| Err::<(), _>(())).is_err());
    }
}

#[test]
fn a_length_of_zero_panics_while_a_lock_is_held() {
    let clock = PausedClock::new();
    let zero = Duration::ZERO;
    let builders = [
        builder(&clock).failure_rate(50).last_calls(0),
        builder(&clock).failure_rate(50).within(zero),
        builder(&clock).consecutive_failures(1).probe_timeout(zero),
        builder(&clock).consecutive_failures(1).open_for(zero),
    ];
    for builder in builders {
        assert!(builder.build().is_err());
    }
    // At run time a length of zero does nothing.
    let (breaker, _) = touchy();
    breaker.trip_for(zero);
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_reset_while_closed_clears_nothing() {
    let breaker = builder(&PausedClock::new()).failures_in_window(3).last_calls(9).build().unwrap();
    for _ in 0..2 {
        assert!(breaker.call(|| Err::<(), _>(())).is_err());
    }
    breaker.reset();
    assert_eq!(breaker.snapshot().tally.calls, 0);
    assert_eq!(failures_to_open(&breaker), 3);
}

#[test]
fn the_step_from_open_to_half_open_is_never_reported() {
    let (breaker, clock) = touchy();
    let told = Arc::new(AtomicU32::new(0));
    let count = told.clone();
    breaker.on_event(move |event| {
        if matches!(event.kind, EventKind::Transition { to: Phase::HalfOpen, .. }) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    breaker.trip();
    recover(&breaker, &clock);
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

/// A method that returns a bool has no outcome to forget.
#[test]
fn the_outcome_of_a_call_is_forgotten() {
    let (breaker, clock) = touchy();
    breaker.trip();
    clock.advance(10 * SECOND);
    let early_return = || -> Result<(), std::num::ParseIntError> {
        let permit = breaker.try_acquire().unwrap();
        "x".parse::<u32>()?;
        permit.success();
        Ok(())
    };
    assert!(early_return().is_err());
    assert!(breaker.try_acquire().is_ok(), "the probe is free again");
}
