//! A permit has exactly one effect: that of its outcome, or cancellation when dropped.
#![cfg(loom)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use microbreaker::{Config, Outcome, Phase};
use microbreaker_loom_tests::*;

#[test]
fn a_success_beside_a_drop() {
    model_with(2, || {
        let (breaker, _, probes) = probing(3, 2, 2);
        let (a, b) = (probes[0], probes[1]);
        race(&breaker, move |x| x.resume(a).success(), |x| drop(x.resume(b)));
        let outcomes = breaker.observer().outcomes();
        assert_eq!(outcomes.len(), 2);
        assert!(outcomes.contains(&(Outcome::Success, false)));
        assert!(outcomes.contains(&(Outcome::Ignored, false)));
        // The success used up one place for good.
        assert_eq!((0..4).filter(|_| breaker.hold().is_ok()).count(), 2);
    });
}

#[test]
fn a_drop_beside_the_probe_timeout() {
    model_with(2, || {
        let (breaker, ticks, probes) = probing(1, 1, 1);
        let probe = probes[0];
        let (_, _, held) = race3(
            &breaker,
            move |_| ticks.advance(20),
            move |b| drop(b.resume(probe)),
            |b| b.hold(),
        );
        let outcomes = breaker.observer().outcomes();
        let cancelled: Vec<_> =
            outcomes.into_iter().filter(|(o, _)| *o == Outcome::Ignored).collect();
        // The place was either handed back in time, or it went away with the tenure.
        assert_eq!(cancelled.len(), 1);
        assert!(held.is_err() || cancelled == [(Outcome::Ignored, false)]);
    });
}

#[test]
fn a_call_that_unwinds_beside_a_drop() {
    model_with(2, || {
        let (breaker, _, probes) = probing(3, 2, 1);
        let probe = probes[0];
        race(
            &breaker,
            move |b| drop(b.resume(probe)),
            |b| {
                let call = || b.call(|| -> Result<(), ()> { resume_unwind(Box::new(())) });
                catch_unwind(AssertUnwindSafe(call)).unwrap_err();
            },
        );
        assert_eq!(breaker.observer().outcomes().len(), 2);
        assert_eq!((0..4).filter(|_| breaker.hold().is_ok()).count(), 2);
    });
}

#[test]
fn a_failure_reported_by_another_thread() {
    model(|| {
        let breaker = still(Config::new().consecutive_failures(2).open_for(10), ());
        let token = breaker.hold().unwrap();
        race(&breaker, move |b| b.resume(token).failure(), |b| drop(b.try_acquire()));
        assert_eq!(breaker.phase(), Phase::Closed);
        breaker.fail();
        assert_eq!(breaker.phase(), Phase::Open);
    });
}
