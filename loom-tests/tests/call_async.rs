//! A guarded future that is dropped at any of its await points has exactly one effect,
//! that of an abandoned call, whatever happens beside it. A future that is not polled has
//! none.
#![cfg(loom)]

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use microbreaker::{CallError, Clock, Config, Outcome, Phase, window::Window};
use microbreaker_loom_tests::*;

/// The await points of a call: it is pending at each, then it succeeds.
const AWAITS: u32 = 2;

/// Where a call is dropped: before its first poll, at each await point, and after its end.
const DROPS: std::ops::RangeInclusive<u32> = 0..=AWAITS + 1;

/// Polls a call at most `polls` times, and drops it. Returns the outcome that the breaker
/// has to hear; `None` if the call was not admitted, or not polled.
fn call<W: Window, C: Clock>(breaker: &Observed<W, C>, polls: u32) -> Option<Outcome> {
    let mut left = AWAITS;
    let mut call = pin!(breaker.call_async(poll_fn(|_| match left {
        0 => Poll::Ready(Ok::<(), ()>(())),
        _ => {
            left -= 1;
            Poll::Pending
        }
    })));
    for _ in 0..polls {
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => return Some(Outcome::Success),
            Poll::Ready(Err(CallError::Rejected(_))) => return None,
            Poll::Ready(Err(CallError::Failed(()))) => unreachable!(),
        }
    }
    (polls > 0).then_some(Outcome::Ignored)
}

/// The outcomes that the breaker has heard.
fn heard<W: Window, C: Clock>(breaker: &Observed<W, C>) -> Vec<Outcome> {
    breaker.observer().outcomes().into_iter().map(|(outcome, _)| outcome).collect()
}

/// How many probes the breaker still gives out.
fn places<W: Window, C: Clock>(breaker: &Observed<W, C>) -> usize {
    (0..4).filter(|_| breaker.hold().is_ok()).count()
}

#[test]
fn dropped_beside_a_trip() {
    models_with(
        2,
        DROPS.map(|polls| {
            move || {
                let config = Config::new().consecutive_failures(1).open_for(10);
                let (breaker, ticks) = ticking(config, ());
                let (_, outcome) = race(&breaker, |b| b.trip(), move |b| call(b, polls));
                assert_eq!(heard(&breaker), Vec::from_iter(outcome));
                assert_eq!(breaker.phase(), Phase::Open);
                ticks.advance(10);
                assert_eq!(places(&breaker), 1);
            }
        }),
    );
}

#[test]
fn dropped_beside_a_failure_that_trips() {
    models_with(
        2,
        DROPS.map(|polls| {
            move || {
                let config = Config::new().consecutive_failures(2).open_for(10);
                let (breaker, ticks) = ticking(config, ());
                assert!(breaker.fail());
                let (failed, outcome) = race(&breaker, |b| b.fail(), move |b| call(b, polls));
                assert!(failed);
                let mut heard = heard(&breaker);
                heard.retain(|heard| *heard != Outcome::Failure);
                assert_eq!(heard, Vec::from_iter(outcome));
                // A success may come between the two failures; an abandoned call does not.
                if outcome != Some(Outcome::Success) {
                    assert_eq!(breaker.phase(), Phase::Open);
                    ticks.advance(10);
                    assert_eq!(places(&breaker), 1);
                }
            }
        }),
    );
}

#[test]
fn a_probe_dropped_beside_a_reset() {
    models_with(
        1,
        DROPS.map(|polls| {
            move || {
                let (breaker, ticks, _) = probing(1, 1, 0);
                let (_, outcome) = race(&breaker, |b| b.reset(), move |b| call(b, polls));
                assert!(outcome.is_some() || polls == 0);
                assert_eq!(heard(&breaker), Vec::from_iter(outcome));
                assert_eq!(breaker.phase(), Phase::Closed);
                breaker.trip();
                ticks.advance(10);
                assert_eq!(places(&breaker), 1);
            }
        }),
    );
}

#[test]
fn a_probe_dropped_beside_another_probe() {
    models_with(
        1,
        DROPS.map(|polls| {
            move || {
                let (breaker, ..) = probing(3, 3, 0);
                let (succeeded, outcome) = race(&breaker, |b| b.succeed(), move |b| call(b, polls));
                assert!(succeeded && (outcome.is_some() || polls == 0));
                let used = 1 + usize::from(outcome == Some(Outcome::Success));
                assert_eq!(heard(&breaker).len(), 1 + usize::from(outcome.is_some()));
                assert_eq!(breaker.phase(), Phase::HalfOpen);
                assert_eq!(places(&breaker), 3 - used);
            }
        }),
    );
}

#[test]
fn two_probes_dropped_beside_each_other() {
    models_with(
        1,
        (1..=AWAITS).map(|polls| {
            move || {
                let (breaker, ..) = probing(1, 1, 0);
                let (a, b) = race(&breaker, move |b| call(b, polls), |b| call(b, 1));
                // One of them may have found the only place taken.
                assert_eq!(heard(&breaker), Vec::from_iter(a.into_iter().chain(b)));
                assert!(a.is_some() || b.is_some());
                assert_eq!(places(&breaker), 1);
            }
        }),
    );
}

#[test]
fn a_probe_dropped_beside_the_probe_timeout() {
    models_with(
        2,
        DROPS.map(|polls| {
            move || {
                let (breaker, ticks, _) = probing(1, 1, 0);
                let clock = ticks.clone();
                let (_, outcome) =
                    race(&breaker, move |_| clock.advance(20), move |b| call(b, polls));
                assert!(outcome.is_some() || polls == 0);
                assert_eq!(heard(&breaker), Vec::from_iter(outcome));
                // The drop may have found the probe overdue, which opens the breaker again.
                ticks.advance(10);
                if breaker.phase() == Phase::Closed {
                    assert_eq!(outcome, Some(Outcome::Success));
                } else {
                    assert_eq!(places(&breaker), 1);
                }
            }
        }),
    );
}
