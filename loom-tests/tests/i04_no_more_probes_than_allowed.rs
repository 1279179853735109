//! At most K probes are out in one generation. A probe handed back may be given out again,
//! to a thread that then sees everything done before it was handed back.
#![cfg(loom)]

use std::sync::Arc;

use loom::sync::atomic::{AtomicU32, Ordering};
use microbreaker::Phase;
use microbreaker_loom_tests::*;

#[test]
fn three_callers_for_one_place() {
    model_with(1, || {
        let (breaker, ..) = probing(1, 1, 0);
        let (a, b, c) = race3(&breaker, |b| b.hold(), |b| b.hold(), |b| b.hold());
        assert_eq!([a, b, c].iter().filter(|held| held.is_ok()).count(), 1);
    });
}

#[test]
fn two_callers_for_the_last_place() {
    model_with(2, || {
        let (breaker, ..) = probing(3, 2, 2);
        let (a, b) = race(&breaker, |b| b.hold(), |b| b.hold());
        assert_eq!([a, b].iter().filter(|held| held.is_ok()).count(), 1);
    });
}

#[test]
fn a_place_handed_back_is_given_out_once() {
    model_with(1, || {
        let (breaker, _, probes) = probing(1, 1, 1);
        let probe = probes[0];
        let (_, a, b) = race3(&breaker, move |b| drop(b.resume(probe)), |b| b.hold(), |b| b.hold());
        let held = [a, b].iter().filter(|held| held.is_ok()).count();
        assert!(held <= 1);
        assert_eq!(breaker.hold().is_ok(), held == 0);
        assert!(breaker.hold().is_err());
    });
}

#[test]
fn a_probe_sees_what_the_one_before_it_has_done() {
    model_with(2, || {
        // One is out all the time, so that the same state comes again in the same tenure.
        let (breaker, _, probes) = probing(2, 2, 2);
        drop(breaker.resume(probes[0]));
        // Relaxed: only the breaker orders the probes.
        let done = Arc::new(AtomicU32::new(0));
        let theirs = done.clone();
        let probe = |done: &AtomicU32, breaker: &Observed<_, _>| {
            let probe = breaker.try_acquire().ok()?;
            done.store(done.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            drop(probe);
            Some(())
        };
        let (a, b) = race(&breaker, move |b| probe(&theirs, b), |b| probe(&done, b));
        let probes = a.iter().chain(&b).count();
        assert_eq!(done.load(Ordering::Relaxed), probes as u32);
    });
}

#[test]
fn two_places_handed_back_are_two_places() {
    model_with(2, || {
        let (breaker, _, probes) = probing(2, 2, 2);
        let (a, b) = (probes[0], probes[1]);
        race(&breaker, move |x| drop(x.resume(a)), |x| x.resume(b).ignore());
        assert_eq!((0..4).filter(|_| breaker.hold().is_ok()).count(), 2);
    });
}

#[test]
fn a_reported_probe_keeps_its_place_beside_one_handed_back() {
    model_with(2, || {
        let (breaker, _, probes) = probing(2, 2, 2);
        let (a, b) = (probes[0], probes[1]);
        race(&breaker, move |x| drop(x.resume(a)), |x| x.resume(b).success());
        assert_eq!((0..4).filter(|_| breaker.hold().is_ok()).count(), 1);
    });
}

#[test]
fn a_lost_probe_that_comes_back_is_no_place_in_the_next_generation() {
    model_with(1, || {
        // Overdue by a whole opening: the next caller gets a probe again.
        let (breaker, ticks, probes) = probing(1, 1, 1);
        let lost = probes[0];
        ticks.advance(30);
        let (a, b, _) = race3(&breaker, |b| b.hold(), |b| b.hold(), move |b| drop(b.resume(lost)));
        assert_eq!([a, b].iter().filter(|held| held.is_ok()).count(), 1);
        assert_eq!(breaker.phase(), Phase::HalfOpen);
        assert!(breaker.hold().is_err());
    });
}
