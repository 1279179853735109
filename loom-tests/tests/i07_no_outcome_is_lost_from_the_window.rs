//! No outcome recorded in the current generation is lost from the window, up
//! to the window's own bound.
#![cfg(loom)]

use std::sync::Arc;

use microbreaker::{Config, CountWindow};
use microbreaker_loom_tests::*;

/// A breaker that watches the last `calls` calls. It would trip only if all of them failed.
fn watching<const WORDS: usize, const BITS: u32>(
    calls: u32,
) -> Arc<Observed<CountWindow<WORDS, BITS>>> {
    let config = Config::new().failure_rate(100).min_calls(calls).last_calls(calls).open_for(10);
    still(config, CountWindow::new())
}

fn tally<const WORDS: usize, const BITS: u32>(
    breaker: &Observed<CountWindow<WORDS, BITS>>,
) -> (u32, u32) {
    let tally = breaker.tally();
    (tally.calls, tally.failed)
}

#[test]
fn two_outcomes_in_one_word() {
    model(|| {
        let breaker = watching::<4, 2>(3);
        race(&breaker, |b| b.succeed(), |b| b.fail());
        assert_eq!(tally(&breaker), (2, 1));
    });
}

#[test]
fn outcomes_on_both_sides_of_a_ring_step() {
    model(|| {
        let breaker = watching::<5, 2>(5);
        breaker.succeed();
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(tally(&breaker), (3, 2));
    });
}

#[test]
fn outcomes_that_each_step_a_ring_that_wraps() {
    model_with(2, || {
        let breaker = watching::<5, 1>(3);
        for _ in 0..3 {
            breaker.succeed();
            breaker.fail();
        }
        race(&breaker, |b| b.succeed(), |b| b.fail());
        breaker.succeed();
        assert_eq!(tally(&breaker), (3, 1));
    });
}

#[test]
fn three_outcomes_at_a_ring_step() {
    model_with(1, || {
        let breaker = watching::<5, 2>(5);
        breaker.succeed();
        race3(&breaker, |b| b.fail(), |b| b.succeed(), |b| b.fail());
        assert_eq!(tally(&breaker), (4, 2));
    });
}

#[test]
fn a_failure_that_wakes_a_quiet_window_beside_a_success() {
    model(|| {
        let breaker = watching::<4, 2>(3);
        for _ in 0..6 {
            breaker.succeed();
        }
        race(&breaker, |b| b.fail(), |b| b.succeed());
        assert_eq!(tally(&breaker), (3, 1));
    });
}

#[test]
fn failures_that_wake_a_quiet_window_beside_a_success() {
    model_with(1, || {
        let breaker = watching::<4, 2>(4);
        for _ in 0..6 {
            breaker.succeed();
        }
        race3(&breaker, |b| b.fail(), |b| b.succeed(), |b| b.fail());
        assert_eq!(tally(&breaker), (4, 2));
    });
}

#[test]
fn successes_after_a_failure_push_it_out() {
    model_with(2, || {
        let breaker = watching::<4, 1>(2);
        for _ in 0..3 {
            breaker.succeed();
        }
        let (_, seen) = race(
            &breaker,
            |b| b.fail(),
            |b| {
                let seen = b.tally().failed == 1;
                b.succeed();
                b.succeed();
                seen
            },
        );
        // A thread that has seen the failure does not take the window for quiet.
        assert!(!seen || tally(&breaker) == (2, 0));
    });
}

#[test]
fn outcomes_of_a_tenure_beside_its_start() {
    model_with(2, || {
        let breaker = watching::<4, 2>(3);
        race(
            &breaker,
            |b| b.fail(),
            |b| {
                b.reset();
                b.succeed();
            },
        );
        // The failure may belong to the earlier tenure.
        assert!(matches!(tally(&breaker), (1, 0) | (2, 1)));
    });
}

#[test]
fn a_tally_is_of_one_moment() {
    model_with(2, || {
        let breaker = watching::<4, 1>(2);
        for _ in 0..2 {
            breaker.succeed();
            breaker.fail();
        }
        let (_, seen) = race(
            &breaker,
            |b| {
                // Enough to empty the words that the other thread may be reading.
                b.succeed();
                b.fail();
                b.succeed();
            },
            tally,
        );
        // S F S F S: one failure among any two neighbours.
        assert_eq!(seen, (2, 1));
    });
}

#[test]
fn a_tally_beside_a_reset_is_of_one_tenure() {
    model_with(2, || {
        let breaker = watching::<4, 2>(3);
        breaker.succeed();
        breaker.fail();
        let (_, seen) = race(
            &breaker,
            |b| {
                b.reset();
                b.succeed();
            },
            tally,
        );
        assert!(matches!(seen, (2, 1) | (0, 0) | (1, 0)), "{seen:?}");
    });
}
