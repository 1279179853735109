//! New settings while a breaker is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Outcome, Phase, Reloaded, Settings};

const SECOND: Duration = Duration::from_secs(1);

fn settings(failures: u32) -> Settings {
    Settings {
        consecutive_failures: Some(failures),
        last_calls: Some(10),
        open_for: Some(10 * SECOND),
        backoff: None,
        ..Settings::default()
    }
}

fn breaker() -> (Breaker, PausedClock) {
    let clock = PausedClock::new();
    let builder = Breaker::builder("users").settings(settings(3)).clock(clock.clone());
    (builder.build().unwrap(), clock)
}

fn fail(breaker: &Breaker) {
    assert!(breaker.call(|| Err::<(), _>("no answer")).is_err());
}

#[test]
fn the_same_settings_change_nothing() {
    let (breaker, _) = breaker();
    fail(&breaker);
    let before = breaker.snapshot();
    assert_eq!(breaker.reload(&settings(3)), Ok(Reloaded::Unchanged));
    assert_eq!(breaker.snapshot(), before);
}

#[test]
fn new_settings_take_effect_for_every_handle() {
    let (breaker, _) = breaker();
    let other = breaker.clone();
    breaker.reload(&settings(1)).unwrap();
    assert_eq!(other.settings(), &settings(1));
    fail(&other);
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn a_reload_reports_what_it_forgot() {
    let (breaker, _) = breaker();
    fail(&breaker);
    fail(&breaker);
    let reloaded = breaker.reload(&settings(4)).unwrap();
    assert_eq!(reloaded.to_string(), "changed, still closed; forgot 2 calls");
    assert_eq!(breaker.snapshot().tally.calls, 0);
}

#[test]
fn an_open_breaker_stays_open_as_long_as_it_would_have() {
    let (breaker, clock) = breaker();
    breaker.trip();
    clock.advance(4 * SECOND);
    let reloaded = breaker.reload(&settings(4)).unwrap();
    assert_eq!(reloaded.to_string(), "changed, still open for another 6s; forgot 0 calls");
    assert_eq!(breaker.snapshot().retry_after, Some(6 * SECOND));
    clock.advance(6 * SECOND);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
}

#[test]
fn every_phase_is_kept() {
    let (breaker, clock) = breaker();
    let mut failures = 3;
    let mut reload = || {
        failures += 1;
        breaker.reload(&settings(failures)).unwrap();
        breaker.phase()
    };
    let enter: [(Phase, &dyn Fn()); 6] = [
        (Phase::Closed, &|| breaker.reset()),
        (Phase::Disabled, &|| breaker.disable()),
        (Phase::MetricsOnly, &|| breaker.metrics_only()),
        (Phase::ForcedOpen, &|| breaker.force_open()),
        (Phase::Open, &|| breaker.trip()),
        (Phase::HalfOpen, &|| clock.advance(10 * SECOND)),
    ];
    for (phase, enter) in enter {
        enter();
        assert_eq!(breaker.phase(), phase);
        assert_eq!(reload(), phase);
    }
    breaker.call(|| Ok::<_, ()>(())).unwrap();
    assert_eq!(breaker.phase(), Phase::Closed, "the probe decides");
}

#[test]
fn calls_under_way_count_nowhere() {
    let (breaker, _) = breaker();
    let permit = breaker.try_acquire().unwrap();
    let demanding = breaker.try_acquire().unwrap();
    breaker.reload(&settings(1)).unwrap();
    permit.failure();
    demanding.finish(Outcome::FailureOpenFor(SECOND));
    assert_eq!(breaker.phase(), Phase::Closed);
    assert_eq!(breaker.snapshot().tally.calls, 0);
}

#[test]
fn invalid_settings_change_nothing() {
    let (breaker, _) = breaker();
    fail(&breaker);
    let error = breaker.reload(&settings(0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "circuit breaker \"users\": consecutive_failures is 0, but must be 1 to 255"
    );
    assert_eq!(breaker.settings(), &settings(3));
    assert_eq!(breaker.snapshot().tally.calls, 1);
}

#[test]
fn each_of_many_reloads_starts_afresh() {
    let (breaker, _) = breaker();
    for _ in 0..3 {
        for failures in [2, 1] {
            breaker.reload(&settings(failures)).unwrap();
            for left in (0..failures).rev() {
                fail(&breaker);
                assert_eq!(breaker.phase() == Phase::Open, left == 0);
            }
            breaker.reset();
        }
    }
}

#[test]
fn a_reload_is_not_reported_as_a_transition() {
    let (breaker, _) = breaker();
    breaker.trip();
    let told = Arc::new(AtomicU32::new(0));
    let count = told.clone();
    breaker.on_event(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    breaker.reload(&settings(4)).unwrap();
    assert_eq!(told.load(Ordering::Relaxed), 0);
    breaker.reset();
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

/// While its settings change, an open breaker stays open for every caller, and a closed
/// one stays closed.
#[test]
fn callers_on_other_threads_see_no_gap() {
    for open in [true, false] {
        let (breaker, _) = breaker();
        if open {
            breaker.trip();
        }
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let caller = scope.spawn(|| {
                let mut calls = 0_u32;
                while !done.load(Ordering::Relaxed) || calls < 1_000 {
                    assert_eq!(breaker.call(|| Ok::<_, ()>(())).is_err(), open);
                    assert_eq!(breaker.try_acquire().is_err(), open);
                    calls += 1;
                }
            });
            for round in 0..30_000 {
                breaker.reload(&settings(3 + round % 2)).unwrap();
            }
            done.store(true, Ordering::Relaxed);
            caller.join().unwrap();
        });
    }
}
