//! Slow calls, which have a window of their own.
#![cfg(loom)]

use std::sync::Arc;

use microbreaker::{Cause, Config, CountWindow, Phase, WithSlow};
use microbreaker_loom_tests::*;

type Slow = WithSlow<CountWindow<4, 1>>;

const SLOW: u32 = 6;

/// A breaker that opens when both of the last two calls were slow.
fn watching() -> Arc<Observed<Slow>> {
    let config = Config::new().slow_rate(100).slow_after(5).min_calls(2).last_calls(2);
    still(config.open_for(10), window())
}

fn window() -> Slow {
    WithSlow::new(CountWindow::new(), CountWindow::new())
}

#[test]
fn two_slow_calls_trip() {
    model_with(2, || {
        let breaker = watching();
        race(&breaker, |b| b.succeed_after(SLOW), |b| b.succeed_after(SLOW));
        assert_eq!(breaker.phase(), Phase::Open);
        assert_eq!(breaker.observer().heard(Phase::Open, Cause::SlowRate), 1);
    });
}

#[test]
fn a_slow_failure_beside_a_slow_success_trips() {
    model_with(2, || {
        let breaker = watching();
        let held = breaker.hold().unwrap();
        race(&breaker, move |b| b.resume(held).took(SLOW).failure(), |b| b.succeed_after(SLOW));
        assert_eq!(breaker.phase(), Phase::Open);
        assert_eq!((breaker.tally().calls, breaker.tally().slow), (2, 2));
    });
}

#[test]
fn a_fast_call_beside_a_slow_one_does_not() {
    model_with(2, || {
        let breaker = watching();
        breaker.succeed_after(1);
        race(&breaker, |b| b.succeed_after(1), |b| b.succeed_after(SLOW));
        assert_eq!(breaker.phase(), Phase::Closed);
        let tally = breaker.tally();
        assert_eq!((tally.calls, tally.failed, tally.slow), (2, 0, 1));
    });
}

/// Each of the two windows counts every call once.
#[test]
fn both_windows_hold_every_call() {
    model_with(1, || {
        let config = Config::new().slow_rate(100).slow_after(5).min_calls(3).last_calls(3);
        let window = WithSlow::new(CountWindow::<5, 1>::new(), CountWindow::new());
        let breaker = still(config.open_for(10), window);
        race3(&breaker, |b| b.fail(), |b| b.succeed_after(SLOW), |b| b.succeed_after(1));
        let tally = breaker.tally();
        assert_eq!((tally.calls, tally.failed, tally.slow), (3, 1, 1));
    });
}

#[test]
fn a_slow_call_and_a_reset() {
    model_with(2, || {
        let breaker = watching();
        let held = breaker.hold().unwrap();
        race(&breaker, move |b| b.resume(held).took(SLOW).success(), |b| b.reset());
        let tally = breaker.tally();
        assert_eq!((tally.calls, tally.slow), (0, 0));
        breaker.succeed_after(SLOW);
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}

/// The two windows are read one after the other, so a tally may hold a call in
/// one of them and not in the other, but never a call twice or a call of
/// another tenure.
#[test]
fn a_tally_beside_a_slow_failure() {
    model_with(2, || {
        let breaker = watching();
        breaker.succeed_after(1);
        let held = breaker.hold().unwrap();
        let (_, seen) = race(&breaker, move |b| b.resume(held).took(SLOW).failure(), |b| b.tally());
        assert!(matches!(
            (seen.calls, seen.failed, seen.slow),
            (1, 0, 0) | (2, 1, 0) | (2, 0, 1) | (2, 1, 1)
        ));
    });
}
