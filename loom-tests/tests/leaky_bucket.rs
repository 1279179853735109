//! The leaky bucket: what invariants 1, 2, 5 and 7 say about it.
#![cfg(loom)]

use std::sync::Arc;

use microbreaker::{Config, CountWindow, Leak, LeakyBucket, Outcome, Phase};
use microbreaker_loom_tests::*;

/// Trips at a level of 4: two failures, or three with a success or two between them.
const CONFIG: Config = Config::new().leaky_bucket(Leak::new(2, 1, 4)).open_for(100);

fn leaking() -> Arc<Observed<LeakyBucket>> {
    still(CONFIG, LeakyBucket::new(()))
}

#[test]
fn failures_that_together_fill_it_trip() {
    model_with(3, || {
        let breaker = leaking();
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// The success may come first, between, or last, and not at all if the breaker tripped.
#[test]
fn failures_beside_a_success_trip_as_some_order_says() {
    model_with(3, || {
        let breaker = leaking();
        race3(&breaker, |b| b.fail(), |b| b.fail(), |b| b.succeed());
        let (phase, level) = (breaker.phase(), breaker.tally().level);
        assert!(phase == Phase::Open || level == 3, "{phase} at {level}");
    });
}

/// Nor does it trip without a reason: no order of these reaches the limit.
#[test]
fn no_outcome_is_lost() {
    model_with(3, || {
        let breaker = leaking();
        breaker.fail();
        race(
            &breaker,
            |b| {
                b.succeed();
                b.succeed();
            },
            |b| b.resume(b.hold().unwrap()).finish(Outcome::WeightedFailure(0)),
        );
        assert_eq!((breaker.phase(), breaker.tally().level), (Phase::Closed, 0));
    });
}

/// The success finds the bucket empty, or no longer empty.
#[test]
fn a_success_beside_the_first_failure() {
    model_with(3, || {
        let breaker = leaking();
        race(&breaker, |b| b.succeed(), |b| b.fail());
        let level = breaker.tally().level;
        assert!(level == 1 || level == 2, "{level}");
    });
}

#[test]
fn a_failure_of_the_tenure_before_counts_for_nothing() {
    model_with(2, || {
        let breaker = leaking();
        let old = breaker.hold().unwrap();
        race(&breaker, move |b| b.resume(old).failure(), |b| b.reset());
        assert_eq!(breaker.tally().level, 0);
        breaker.fail();
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}

#[test]
fn a_failure_after_a_reset_beside_a_failure_before_it() {
    model_with(2, || {
        let breaker = leaking();
        breaker.fail();
        let old = breaker.hold().unwrap();
        race(
            &breaker,
            |b| {
                b.reset();
                b.fail();
            },
            move |b| b.resume(old).failure(),
        );
        let (phase, level) = (breaker.phase(), breaker.tally().level);
        // The old failure trips the breaker before the reset, or counts for nothing.
        assert_eq!((phase, level), (Phase::Closed, 2));
    });
}

/// Whichever of the two windows a thread enters first, both hold what was recorded.
#[test]
fn another_window_beside_it_holds_the_same_calls() {
    model_with(3, || {
        let config = CONFIG.failures_in_window(3).last_calls(3);
        let breaker = still(config, LeakyBucket::new(CountWindow::<4, 2>::new()));
        race(&breaker, |b| b.fail(), |b| b.succeed());
        let tally = breaker.tally();
        assert_eq!((tally.calls, tally.failed), (2, 1));
        assert!(tally.level == 1 || tally.level == 2, "{}", tally.level);
    });
}
