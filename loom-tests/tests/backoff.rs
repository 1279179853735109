//! Each failed recovery lengthens the wait by one step, whichever thread
//! noticed it, and closing resets the wait.
#![cfg(loom)]

use microbreaker::{Config, Phase};
use microbreaker_loom_tests::*;

/// Open for 10 ticks, then 20, then 40.
const CONFIG: Config = Config::new().consecutive_failures(1).open_for(10).backoff(2, 40);

#[test]
fn two_failed_probes_are_one_step() {
    model_with(2, || {
        let (breaker, _, probes) = half_open(CONFIG.probes(2), (), 2);
        let (a, b) = (probes[0], probes[1]);
        race(&breaker, move |x| x.resume(a).failure(), |x| x.resume(b).failure());
        assert_eq!(breaker.left(), Some(20));
        assert_eq!(breaker.snapshot().backoff_level, 1);
    });
}

#[test]
fn a_failed_probe_and_the_probe_timeout_are_one_step() {
    model_with(2, || {
        let (breaker, ticks, probes) = half_open(CONFIG.probes(2), (), 2);
        let probe = probes[0];
        ticks.advance(19);
        let _ = race3(
            &breaker,
            move |_| ticks.advance(1),
            move |x| x.resume(probe).failure(),
            |x| _ = x.hold(),
        );
        assert_eq!(breaker.phase(), Phase::Open);
        assert_eq!(breaker.snapshot().backoff_level, 1);
        let left = breaker.left();
        assert!(matches!(left, Some(20 | 19)), "{left:?}");
    });
}

#[test]
fn callers_that_find_the_probes_overdue_are_one_step() {
    model_with(1, || {
        let (breaker, ticks, _) = half_open(CONFIG, (), 1);
        ticks.advance(23);
        let _ = race3(&breaker, |x| x.hold(), |x| x.hold(), |x| x.hold());
        assert_eq!(breaker.left(), Some(17));
        assert_eq!(breaker.snapshot().backoff_level, 1);
    });
}

#[test]
fn a_close_forgets_it_beside_a_caller() {
    model_with(2, || {
        let (breaker, ticks, probes) = half_open(CONFIG, (), 1);
        breaker.resume(probes[0]).failure();
        ticks.advance(20);
        let probe = breaker.hold().unwrap();
        let _ = race(&breaker, move |x| x.resume(probe).success(), |x| x.hold());
        assert_eq!(breaker.snapshot().backoff_level, 0);
        breaker.fail();
        assert_eq!(breaker.left(), Some(10));
    });
}

#[test]
fn a_trip_by_hand_beside_a_failed_probe() {
    model_with(2, || {
        let (breaker, _, probes) = half_open(CONFIG, (), 1);
        let probe = probes[0];
        race(&breaker, move |x| x.resume(probe).failure(), |x| x.trip());
        // The first of the two left half-open; a trip after that is no further step.
        assert_eq!(breaker.snapshot().backoff_level, 1);
        assert_eq!(breaker.left(), Some(20));
    });
}
