//! Among racing threads whose outcomes meet a policy, at least one trips.
#![cfg(loom)]

use microbreaker::{Cause, Config, CountWindow, Phase};
use microbreaker_loom_tests::*;

#[test]
fn two_failures_in_a_row() {
    model(|| {
        let breaker = still(Config::new().consecutive_failures(2).open_for(10), ());
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn three_failures_in_a_row() {
    model_with(2, || {
        let breaker = still(Config::new().consecutive_failures(3).open_for(10), ());
        race3(&breaker, |b| b.fail(), |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn failures_in_one_word_of_the_window() {
    model_with(2, || {
        let config = Config::new().failures_in_window(2).last_calls(3).open_for(10);
        let breaker = still(config, CountWindow::<4, 2>::new());
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn failures_on_both_sides_of_a_ring_step() {
    model_with(2, || {
        let config = Config::new().failures_in_window(2).last_calls(3).open_for(10);
        let breaker = still(config, CountWindow::<4, 2>::new());
        breaker.succeed();
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn failures_that_each_step_the_ring() {
    model_with(2, || {
        let config = Config::new().failures_in_window(2).last_calls(2).open_for(10);
        let breaker = still(config, CountWindow::<4, 1>::new());
        breaker.succeed();
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn three_failures_in_the_window() {
    model_with(2, || {
        let config = Config::new().failures_in_window(3).last_calls(3).open_for(10);
        let breaker = still(config, CountWindow::<4, 2>::new());
        race3(&breaker, |b| b.fail(), |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn failures_that_wake_a_quiet_window() {
    model_with(2, || {
        let config = Config::new().failures_in_window(2).last_calls(2).open_for(10);
        let breaker = still(config, CountWindow::<4, 1>::new());
        for _ in 0..3 {
            breaker.succeed();
        }
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn a_failure_rate() {
    model_with(2, || {
        let config = Config::new().failure_rate(60).min_calls(3).last_calls(3).open_for(10);
        let breaker = still(config, CountWindow::<4, 2>::new());
        breaker.succeed();
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn failures_at_the_start_of_a_tenure() {
    model_with(2, || {
        let config = Config::new().failures_in_window(2).last_calls(3).open_for(10);
        let breaker = still(config, CountWindow::<4, 2>::new());
        race(
            &breaker,
            |b| b.fail(),
            |b| {
                b.reset();
                b.fail();
            },
        );
        // The first thread's failure may belong to the earlier tenure, and then
        // no longer counts.
        let tally = breaker.tally();
        assert!(breaker.phase() == Phase::Open || tally.failed == 1, "{tally:?}");
    });
}

#[test]
fn failures_of_three_at_the_start_of_a_tenure() {
    model_with(1, || {
        let config = Config::new().failures_in_window(2).last_calls(2).open_for(10);
        let breaker = still(config, CountWindow::<4, 1>::new());
        race3(&breaker, |b| b.reset(), |b| b.fail(), |b| b.fail());
        let tally = breaker.tally();
        assert!(breaker.phase() == Phase::Open || tally.failed < 2, "{tally:?}");
    });
}

#[test]
fn failed_probes() {
    model_with(2, || {
        let (breaker, _, probes) = probing(3, 2, 2);
        let (a, b) = (probes[0], probes[1]);
        race(&breaker, move |x| x.resume(a).failure(), |x| x.resume(b).failure());
        assert_eq!(breaker.observer().heard(Phase::Open, Cause::ProbesFailed), 1);
    });
}

#[test]
fn a_failed_probe_beside_one_handed_back() {
    model_with(2, || {
        let (breaker, _, probes) = probing(2, 2, 2);
        let (a, b) = (probes[0], probes[1]);
        race(&breaker, move |x| x.resume(a).failure(), |x| drop(x.resume(b)));
        assert_eq!(breaker.observer().heard(Phase::Open, Cause::ProbesFailed), 1);
    });
}
