//! A trip happens only if some order of the recorded outcomes meets a policy.
#![cfg(loom)]

use microbreaker::{Config, CountWindow, Phase, window::Window};
use microbreaker_loom_tests::*;

/// Two failures among the last two calls.
const TWO_OF_TWO: Config = Config::new().failures_in_window(2).last_calls(2).open_for(10);

/// In every order there is a success between the first failure and the second.
fn two_failures_with_a_success_between_them<W: Window + Send + Sync + 'static>(
    config: Config,
    window: W,
) {
    let breaker = still(config, window);
    breaker.fail();
    race(
        &breaker,
        |b| b.succeed(),
        |b| {
            b.succeed();
            b.fail();
        },
    );
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_success_between_two_failures_ends_the_run() {
    model_with(2, || {
        let config = Config::new().consecutive_failures(2).open_for(10);
        two_failures_with_a_success_between_them(config, ());
    });
}

#[test]
fn a_failure_is_counted_once() {
    model(|| {
        let breaker = still(Config::new().consecutive_failures(3).open_for(10), ());
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Closed);
        breaker.fail();
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn two_failures_with_a_success_between_them_are_not_two_of_two() {
    model_with(2, || {
        two_failures_with_a_success_between_them(TWO_OF_TWO, CountWindow::<4, 1>::new());
    });
}

#[test]
fn a_failure_that_has_left_the_window_counts_no_more() {
    model_with(2, || {
        let breaker = still(TWO_OF_TWO, CountWindow::<4, 2>::new());
        breaker.fail();
        breaker.succeed();
        race(&breaker, |b| b.succeed(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}

#[test]
fn a_rate_below_the_threshold_does_not_trip() {
    model(|| {
        let config = Config::new().failure_rate(60).min_calls(2).last_calls(3).open_for(10);
        let breaker = still(config, CountWindow::<4, 2>::new());
        breaker.succeed();
        // S F S or S S F.
        race(&breaker, |b| b.fail(), |b| b.succeed());
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}

#[test]
fn a_failure_before_a_reset_does_not_count_after_it() {
    model_with(2, || {
        let config = TWO_OF_TWO.consecutive_failures(2);
        let breaker = still(config, CountWindow::<4, 1>::new());
        let before = breaker.hold().unwrap();
        race(
            &breaker,
            move |b| b.resume(before).failure(),
            |b| {
                b.reset();
                b.fail();
            },
        );
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}

#[test]
fn a_failed_probe_that_can_be_spared_decides_nothing() {
    model_with(2, || {
        let (breaker, _, probes) = probing(3, 2, 2);
        let (a, b) = (probes[0], probes[1]);
        race(&breaker, move |x| x.resume(a).failure(), |x| x.resume(b).success());
        assert_eq!(breaker.phase(), Phase::HalfOpen);
        assert!(breaker.succeed());
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}
