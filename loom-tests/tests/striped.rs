//! The striped window: invariant 1 where racing failures are recorded in
//! different stripes, and what its tally holds.
#![cfg(loom)]

use std::cell::Cell;

use microbreaker::{Config, CountWindow, Phase, Tally};
use microbreaker_loom_tests::*;
use microbreaker_std::Striped;

loom::thread_local! {
    static STRIPE: Cell<usize> = Cell::new(0);
}

/// Two stripes; threads use the first until told otherwise.
fn stripes() -> Striped<CountWindow<3>> {
    Striped::with(2, CountWindow::new, || STRIPE.with(Cell::get))
}

fn on_the_second<T>(f: impl FnOnce() -> T) -> T {
    STRIPE.with(|stripe| stripe.set(1));
    f()
}

#[test]
fn failures_in_two_stripes() {
    model_with(2, || {
        let config = Config::new().failures_in_window(2).last_calls(2).open_for(10);
        let breaker = still(config, stripes());
        race(&breaker, |b| on_the_second(|| b.fail()), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn a_rate_over_two_stripes() {
    model_with(2, || {
        let config = Config::new().failure_rate(60).min_calls(3).last_calls(4).open_for(10);
        let breaker = still(config, stripes());
        breaker.succeed();
        race(&breaker, |b| on_the_second(|| b.fail()), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn no_outcome_is_lost_from_either_stripe() {
    model_with(2, || {
        let config = Config::new().failures_in_window(4).last_calls(4).open_for(10);
        let breaker = still(config, stripes());
        race(&breaker, |b| on_the_second(|| b.fail()), |b| b.succeed());
        assert_eq!(breaker.tally(), Tally { calls: 2, failed: 1, slow: 0, level: 0 });
    });
}
