//! Closing gradually: the share is exact however many callers race, the end of the ramp
//! is noticed once, and a trip during the ramp opens the breaker again.
#![cfg(loom)]

use std::sync::Arc;

use microbreaker::{Config, Phase};
use microbreaker_loom_tests::*;

const STEP: u32 = 100;

/// A breaker that has just closed and admits every other call, for [`STEP`] ticks.
fn ramping() -> (Arc<Observed<(), Ticks>>, Ticks) {
    let config = Config::new().consecutive_failures(1).ramp([50], STEP);
    let (breaker, ticks, probes) = half_open(config, (), 1);
    breaker.resume(probes[0]).success();
    (breaker, ticks)
}

#[test]
fn one_of_two_is_admitted() {
    model_with(2, || {
        let (breaker, _) = ramping();
        let (a, b) = race(&breaker, |b| b.succeed(), |b| b.succeed());
        assert!(a != b);
    });
}

#[test]
fn one_of_three_is_admitted_and_then_the_next() {
    model_with(1, || {
        let (breaker, _) = ramping();
        let (a, b, c) = race3(&breaker, |b| b.succeed(), |b| b.succeed(), |b| b.succeed());
        assert_eq!([a, b, c].iter().filter(|admitted| **admitted).count(), 1);
        assert!(breaker.succeed(), "four callers at 50 percent: two are admitted");
    });
}

#[test]
fn all_are_admitted_once_the_ramp_is_over() {
    model_with(2, || {
        let (breaker, ticks) = ramping();
        ticks.advance(STEP);
        let (a, b) = race(&breaker, |b| b.succeed(), |b| b.succeed());
        assert!(a && b);
    });
}

#[test]
fn its_end_beside_callers() {
    model_with(2, || {
        let (breaker, ticks) = ramping();
        let (_, first) = race(&breaker, move |_| ticks.advance(STEP), |b| b.succeed());
        // Admitted as the second caller at 50 percent, or because the ramp is over.
        assert!(breaker.succeed());
        assert!(breaker.succeed() || !first, "a ramp that was over for the first caller is over");
    });
}

#[test]
fn a_failure_on_the_way_opens_again() {
    model_with(2, || {
        let (breaker, _) = ramping();
        breaker.succeed();
        let held = breaker.hold().unwrap();
        let (_, admitted) = race(&breaker, move |b| b.resume(held).failure(), |b| b.succeed());
        assert!(!admitted, "the ramp refuses every other call, an opening all");
        assert_eq!(breaker.phase(), Phase::Open);
        assert_eq!(breaker.left(), Some(10));
    });
}

#[test]
fn a_failure_of_the_tenure_before_beside_its_callers() {
    model_with(2, || {
        let config = Config::new().consecutive_failures(1).probes(2).successes(1);
        let (breaker, _, probes) = half_open(config.ramp([50], STEP), (), 2);
        let late = probes[1];
        breaker.resume(probes[0]).success();
        let (_, admitted) = race(
            &breaker,
            move |b| b.resume(late).failure(),
            |b| [b.succeed(), b.succeed(), b.succeed()],
        );
        assert_eq!(admitted, [false, true, false]);
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}
