//! How long calls have taken lately.

#![cfg(feature = "latency")]

use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Builder, Latency, Outcome, Settings};

const SECOND: Duration = Duration::from_secs(1);

fn builder(clock: &PausedClock) -> Builder {
    let builder = Breaker::builder("users").consecutive_failures(200).open_for(SECOND);
    builder.clock(clock.clone())
}

fn call(breaker: &Breaker, took: Duration, outcome: Outcome) {
    breaker.try_acquire().unwrap().took(took).finish(outcome);
}

/// Whether `shown` is `took`, rounded up by at most a sixteenth.
fn is_about(shown: Duration, took: Duration) -> bool {
    shown >= took && shown <= took + took / 16 + Duration::from_micros(1)
}

#[test]
fn half_of_the_calls_took_no_longer_than_the_median() {
    for micros in [1, 20, 700, 45_000, 6_000_000] {
        let breaker = builder(&PausedClock::new()).measure_latency().build().unwrap();
        let took = Duration::from_micros(micros);
        (0..98).for_each(|_| call(&breaker, took, Outcome::Success));
        call(&breaker, 10 * took, Outcome::Failure);
        call(&breaker, 10 * took, Outcome::Failure);
        call(&breaker, 1_000 * SECOND, Outcome::Ignored);
        let Latency { calls, p50, p99, .. } = breaker.latency().unwrap();
        assert_eq!(calls, 100, "failures count, and ignored calls do not");
        assert!(is_about(p50, took) && is_about(p99, 10 * took), "{took:?}: {p50:?}, {p99:?}");
    }
}

#[test]
fn calls_of_the_last_half_minute_count_and_those_before_the_last_minute_do_not() {
    let clock = PausedClock::new();
    let breaker = builder(&clock).measure_latency().build().unwrap();
    let calls = || breaker.latency().unwrap().calls;
    for second in 1..=200_u64 {
        call(&breaker, SECOND, Outcome::Success);
        assert!(calls() >= second.min(30) && calls() <= second.min(60), "{second}: {}", calls());
        clock.advance(SECOND);
    }
    clock.advance(60 * SECOND);
    let Latency { calls: none, p50, p99, .. } = breaker.latency().unwrap();
    assert_eq!((none, p50, p99), (0, Duration::ZERO, Duration::ZERO));
    call(&breaker, SECOND, Outcome::Success);
    clock.advance(29 * SECOND);
    assert_eq!(calls(), 1);

    // The halves are 45 seconds old when they change.
    let breaker = builder(&clock).measure_latency().build().unwrap();
    clock.advance(25 * SECOND);
    call(&breaker, SECOND, Outcome::Success);
    clock.advance(20 * SECOND);
    assert_eq!(breaker.latency().unwrap().calls, 1);
}

#[test]
fn calls_are_measured_after_a_reload_too() {
    let breaker = builder(&PausedClock::new()).measure_latency().build().unwrap();
    let failures = Some(100);
    let settings = Settings { consecutive_failures: failures, ..Settings::default() };
    breaker.reload(&Settings { open_for: Some(SECOND), ..settings }).unwrap();
    for calls in 1..=3 {
        breaker.call(|| Ok::<_, ()>(())).unwrap();
        assert_eq!(breaker.latency().unwrap().calls, calls);
    }
}

/// Ticks wrap after 49.7 days.
#[test]
fn the_clock_may_wrap() {
    let clock = PausedClock::new();
    let breaker = builder(&clock).measure_latency().build().unwrap();
    clock.advance(Duration::from_millis((1 << 32) - 200_000));
    for _ in 0..300 {
        call(&breaker, SECOND, Outcome::Success);
        clock.advance(SECOND);
    }
    let calls = breaker.latency().unwrap().calls;
    assert!((30..=60).contains(&calls), "{calls}");
}

#[test]
fn the_breakers_clock_measures_and_only_where_it_is_asked_to() {
    let clock = PausedClock::new();
    let breaker = builder(&clock).measure_latency().build().unwrap();
    let permit = breaker.try_acquire().unwrap();
    clock.advance(Duration::from_millis(160));
    permit.success();
    assert!(is_about(breaker.latency().unwrap().p99, Duration::from_millis(160)));
    let other = builder(&clock).build().unwrap();
    call(&other, SECOND, Outcome::Success);
    assert_eq!(other.latency(), None);
}

#[test]
fn more_than_can_be_counted_is_the_most() {
    let breaker = builder(&PausedClock::new()).measure_latency().build().unwrap();
    // Twice as many microseconds, and some more.
    call(&breaker, 8_590 * SECOND, Outcome::Success);
    let longest = breaker.latency().unwrap().p50;
    assert_eq!(longest, Duration::from_micros(u32::MAX.into()));
}

#[test]
fn threads_record_together() {
    let breaker = builder(&PausedClock::new()).measure_latency().build().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1_000).for_each(|_| call(&breaker, SECOND, Outcome::Success)));
        }
    });
    assert_eq!(breaker.latency().unwrap().calls, 4_000);
}
