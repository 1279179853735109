//! A dry run refuses no calls, and reports once that a policy would have tripped it; again
//! only after that policy has recovered or the dry run was started anew.
#![cfg(loom)]

use std::sync::Arc;

use microbreaker::{Cause, Config, CountWindow, Outcome, Phase, window::Window};
use microbreaker_loom_tests::*;

fn dry<W: Window>(config: Config, window: W) -> Arc<Observed<W>> {
    let breaker = still(config.open_for(10), window);
    breaker.metrics_only();
    breaker
}

fn told<W: Window>(breaker: &Observed<W>) -> Vec<Cause> {
    assert_eq!(breaker.phase(), Phase::MetricsOnly);
    breaker.observer().would_trips()
}

#[test]
fn two_failures_in_a_row_are_told_once() {
    model_with(2, || {
        let breaker = dry(Config::new().consecutive_failures(2), ());
        let (a, b) = race(&breaker, |b| b.fail(), |b| b.fail());
        assert!(a && b);
        assert_eq!(told(&breaker), [Cause::ConsecutiveFailures]);
    });
}

#[test]
fn failures_that_each_would_trip_are_told_once() {
    model_with(1, || {
        let breaker = dry(Config::new().consecutive_failures(1), ());
        race3(&breaker, |b| b.fail(), |b| b.fail(), |b| b.fail());
        assert_eq!(told(&breaker), [Cause::ConsecutiveFailures]);
    });
}

#[test]
fn failures_in_the_window_are_told_once() {
    model_with(2, || {
        let config = Config::new().failures_in_window(2).last_calls(2);
        let breaker = dry(config, CountWindow::<4, 1>::new());
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(told(&breaker), [Cause::FailuresInWindow]);
    });
}

#[test]
fn it_is_told_again_after_it_has_recovered() {
    model_with(2, || {
        let breaker = dry(Config::new().consecutive_failures(2), ());
        breaker.fail();
        breaker.fail();
        race(&breaker, |b| b.succeed(), |b| b.fail());
        breaker.fail();
        breaker.fail();
        assert_eq!(told(&breaker).len(), 2);
    });
}

/// With a window of two, one success is enough to recover.
#[test]
fn a_window_that_recovers_beside_a_failure() {
    model_with(2, || {
        let config = Config::new().failures_in_window(2).last_calls(2);
        let breaker = dry(config, CountWindow::<4, 1>::new());
        breaker.fail();
        breaker.fail();
        race(&breaker, |b| b.succeed(), |b| b.fail());
        // F S or S F: the policy is not met. But if the failure entered the
        // window first, it met the policy, and may report so after the success
        // has seen the recovery.
        let before = told(&breaker).len();
        assert!(before == 1 || before == 2);
        breaker.succeed();
        assert_eq!(told(&breaker).len(), before);
        breaker.fail();
        breaker.fail();
        assert_eq!(told(&breaker).len(), before + 1);
    });
}

#[test]
fn a_demand_beside_a_failure_is_told_once_each() {
    model_with(2, || {
        let breaker = dry(Config::new().consecutive_failures(1), ());
        let held = breaker.hold().unwrap();
        race(&breaker, move |b| b.resume(held).finish(Outcome::FailureOpenFor(50)), |b| b.fail());
        let mut told = told(&breaker);
        told.sort_by_key(|cause| *cause != Cause::Demanded);
        assert_eq!(told, [Cause::Demanded, Cause::ConsecutiveFailures]);
        assert!(breaker.succeed());
    });
}

#[test]
fn nothing_is_told_after_it_was_told_otherwise() {
    model_with(1, || {
        let breaker = dry(Config::new().consecutive_failures(2), ());
        breaker.fail();
        race(
            &breaker,
            |b| b.fail(),
            |b| {
                b.reset();
                b.metrics_only();
            },
        );
        // The failure was the second of the first dry run, the first of the
        // other one, between the two, or stale.
        let before = told(&breaker).len();
        assert!(before <= 1);
        breaker.fail();
        assert!(told(&breaker).len() <= 1);
    });
}
