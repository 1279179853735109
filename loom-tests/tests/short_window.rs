//! The window in one word: what invariants 1, 2, 5 and 7 say about it.
#![cfg(loom)]

use std::sync::Arc;

use microbreaker::{Config, Phase, ShortWindow};
use microbreaker_loom_tests::*;

/// Trips at two failures among the last three calls.
const TWO_OF_THREE: Config = Config::new().failures_in_window(2).last_calls(3).open_for(100);

fn watching(config: Config) -> Arc<Observed<ShortWindow>> {
    still(config, ShortWindow::new())
}

fn tally(breaker: &Observed<ShortWindow>) -> (u32, u32) {
    let tally = breaker.tally();
    (tally.calls, tally.failed)
}

#[test]
fn one_of_two_failures_trips() {
    model_with(2, || {
        let breaker = watching(TWO_OF_THREE);
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn one_of_three_failures_trips() {
    model_with(1, || {
        let breaker = watching(Config::new().failures_in_window(3).last_calls(3).open_for(100));
        race3(&breaker, |b| b.fail(), |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// Nor does it trip without a reason: one failure among successes is not two failures.
#[test]
fn no_outcome_is_lost() {
    model_with(2, || {
        let breaker = watching(TWO_OF_THREE);
        race(&breaker, |b| b.succeed(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Closed);
        assert_eq!(tally(&breaker), (2, 1));
    });
}

/// The successes find the window quiet, or no longer quiet.
#[test]
fn successes_beside_the_failure_that_ends_the_quiet() {
    model_with(2, || {
        let breaker = watching(TWO_OF_THREE);
        for _ in 0..3 {
            breaker.succeed();
        }
        race(
            &breaker,
            |b| {
                b.succeed();
                b.succeed();
            },
            |b| b.fail(),
        );
        assert_eq!(tally(&breaker), (3, 1));
    });
}

#[test]
fn a_failure_of_the_tenure_before_counts_for_nothing() {
    model_with(2, || {
        let breaker = watching(TWO_OF_THREE);
        let old = breaker.hold().unwrap();
        race(&breaker, move |b| b.resume(old).failure(), |b| b.reset());
        assert_eq!(tally(&breaker), (0, 0));
        breaker.fail();
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}

/// The first thread to record begins the tenure, and the other must see that.
#[test]
fn failures_that_begin_a_tenure() {
    model_with(2, || {
        let breaker = watching(TWO_OF_THREE);
        breaker.fail();
        let fail = |b: &Observed<ShortWindow>| {
            b.reset();
            b.fail()
        };
        race(&breaker, fail, |b| b.succeed());
        let (calls, failed) = tally(&breaker);
        assert!(calls <= 2 && failed == 1, "{calls} calls, {failed} failed");
    });
}
