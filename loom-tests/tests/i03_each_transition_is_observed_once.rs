//! Each transition is won once and observed once, and the observed sequence is
//! a path of the state diagram ([`Journal::path`] checks that each time).
#![cfg(loom)]

use microbreaker::{Config, CountWindow, Phase};
use microbreaker_loom_tests::*;

#[test]
fn two_failures_that_each_trip() {
    model_with(2, || {
        let breaker = still(Config::new().consecutive_failures(1).open_for(10), ());
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.observer().path(), [Phase::Closed, Phase::Open]);
    });
}

#[test]
fn three_failures_that_each_trip() {
    model_with(1, || {
        let breaker = still(Config::new().consecutive_failures(1).open_for(10), ());
        race3(&breaker, |b| b.fail(), |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.observer().path(), [Phase::Closed, Phase::Open]);
    });
}

#[test]
fn two_failures_that_each_meet_the_window_policy() {
    model_with(2, || {
        let config = Config::new().failures_in_window(1).last_calls(2).open_for(10);
        let breaker = still(config, CountWindow::<4, 1>::new());
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.observer().path(), [Phase::Closed, Phase::Open]);
    });
}

#[test]
fn callers_that_find_the_opening_over() {
    model_with(1, || {
        let (breaker, ..) = probing(2, 2, 0);
        let _ = race3(&breaker, |b| b.hold(), |b| b.hold(), |b| b.hold());
        let path = [Phase::Closed, Phase::Open, Phase::HalfOpen];
        assert_eq!(breaker.observer().path(), path);
    });
}

#[test]
fn probes_that_together_close() {
    model_with(2, || {
        let (breaker, _, probes) = probing(2, 2, 2);
        let (a, b) = (probes[0], probes[1]);
        race(&breaker, move |x| x.resume(a).success(), |x| x.resume(b).success());
        let path = [Phase::Closed, Phase::Open, Phase::HalfOpen, Phase::Closed];
        assert_eq!(breaker.observer().path(), path);
    });
}

#[test]
fn a_failed_probe_and_the_probe_timeout() {
    model_with(2, || {
        let (breaker, ticks, probes) = probing(2, 2, 1);
        let probe = probes[0];
        race3(
            &breaker,
            move |_| ticks.advance(20),
            move |b| b.resume(probe).failure(),
            |b| _ = b.hold(),
        );
        // The failure may have come so early that the caller finds the new opening over.
        let path = [Phase::Closed, Phase::Open, Phase::HalfOpen, Phase::Open];
        assert_eq!(breaker.observer().path()[..4], path);
    });
}

#[test]
fn the_same_by_hand_twice() {
    model_with(2, || {
        let breaker = still(Config::new().consecutive_failures(1).open_for(10), ());
        race(&breaker, |b| b.force_open(), |b| b.force_open());
        assert_eq!(breaker.observer().path(), [Phase::Closed, Phase::ForcedOpen]);
    });
}

#[test]
fn a_trip_a_reset_and_a_failure() {
    model_with(1, || {
        let breaker = still(Config::new().consecutive_failures(1).open_for(10), ());
        race3(&breaker, |b| b.reset(), |b| b.trip(), |b| b.fail());
        assert_eq!(breaker.observer().path().last(), Some(&breaker.phase()));
    });
}

#[test]
fn openings_that_replace_each_other_are_one() {
    model_with(2, || {
        let breaker = still(Config::new().consecutive_failures(1).open_for(10), ());
        breaker.trip_for(50);
        race(&breaker, |b| b.trip_for(60), |b| b.trip_for(70));
        assert_eq!(breaker.observer().path(), [Phase::Closed, Phase::Open]);
    });
}
