//! A stale outcome changes neither state nor window.
#![cfg(loom)]

use std::sync::Arc;

use microbreaker::{Clock, Config, CountWindow, Phase, Tally, Token, window::Window};
use microbreaker_loom_tests::*;

/// A breaker that trips at the second failure, and two permits it has out.
fn watching() -> (Arc<Observed<CountWindow<4, 2>>>, [Token; 2]) {
    let config =
        Config::new().consecutive_failures(2).failures_in_window(2).last_calls(3).open_for(10);
    let breaker = still(config, CountWindow::new());
    let tokens = [breaker.hold().unwrap(), breaker.hold().unwrap()];
    (breaker, tokens)
}

fn assert_fresh<W: Window, C: Clock>(breaker: &Observed<W, C>) {
    assert_eq!(breaker.phase(), Phase::Closed);
    assert_eq!(breaker.tally(), Tally::default());
    breaker.fail();
    assert_eq!(breaker.phase(), Phase::Closed, "a consecutive failure was left over");
}

#[test]
fn a_failure_and_a_reset() {
    model_with(2, || {
        let (breaker, [old, _]) = watching();
        race(&breaker, move |b| b.resume(old).failure(), |b| b.reset());
        assert_fresh(&*breaker);
    });
}

#[test]
fn a_success_and_a_reset() {
    model_with(2, || {
        let (breaker, [old, _]) = watching();
        breaker.fail();
        race(&breaker, move |b| b.resume(old).success(), |b| b.reset());
        assert_fresh(&*breaker);
    });
}

#[test]
fn two_failures_and_a_reset() {
    model_with(1, || {
        let (breaker, [old, older]) = watching();
        race3(
            &breaker,
            move |b| b.resume(old).failure(),
            move |b| b.resume(older).failure(),
            |b| b.reset(),
        );
        assert_fresh(&*breaker);
    });
}

#[test]
fn a_success_and_a_tenure_that_has_begun() {
    model_with(2, || {
        let (breaker, [old, _]) = watching();
        race(
            &breaker,
            move |b| b.resume(old).success(),
            |b| {
                b.reset();
                b.fail();
            },
        );
        assert_eq!((breaker.tally().calls, breaker.tally().failed), (1, 1));
    });
}

#[test]
fn stale_outcomes_beside_a_fresh_one() {
    model(|| {
        let (breaker, [old, older]) = watching();
        breaker.reset();
        race(
            &breaker,
            move |b| {
                b.resume(old).failure();
                b.resume(older).success();
            },
            |b| b.fail(),
        );
        assert_eq!((breaker.tally().calls, breaker.tally().failed), (1, 1));
        assert_eq!(breaker.phase(), Phase::Closed);
        breaker.fail();
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn a_failure_and_a_trip_by_hand() {
    model_with(2, || {
        let (breaker, [old, _]) = watching();
        race(&breaker, move |b| b.resume(old).failure(), |b| b.trip());
        assert_eq!(breaker.observer().path(), [Phase::Closed, Phase::Open]);
        assert_eq!(breaker.left(), Some(10));
        breaker.reset();
        assert_fresh(&*breaker);
    });
}

#[test]
fn the_success_of_an_earlier_probe_does_not_close() {
    model_with(1, || {
        let (breaker, ticks, probes) = probing(1, 1, 1);
        let old = probes[0];
        race(
            &breaker,
            move |b| b.resume(old).success(),
            move |b| {
                b.trip();
                ticks.advance(10);
                b.hold().unwrap();
            },
        );
        assert_eq!(breaker.phase(), Phase::HalfOpen);
    });
}

#[test]
fn the_cancellation_of_an_earlier_probe_hands_nothing_back() {
    model_with(1, || {
        let (breaker, ticks, probes) = probing(1, 1, 1);
        let old = probes[0];
        race(
            &breaker,
            move |b| drop(b.resume(old)),
            move |b| {
                b.trip();
                ticks.advance(10);
                b.hold().unwrap();
            },
        );
        assert!(breaker.hold().is_err());
    });
}

#[test]
fn a_probe_after_the_verdict() {
    model_with(1, || {
        let (breaker, _, probes) = probing(2, 1, 2);
        let (a, b) = (probes[0], probes[1]);
        race3(
            &breaker,
            move |x| x.resume(a).success(),
            move |x| x.resume(b).failure(),
            |x| _ = x.hold(),
        );
        // One success is needed, and one failure is tolerated.
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}
