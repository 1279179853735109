//! A breaker as the member of a fleet.
#![cfg(feature = "fleet")]

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::fleet::{ProbeEnd, Probes};
use microbreaker_std::{Breaker, Builder, Cause, EventKind, Outcome, Phase};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Stock {
    left: AtomicUsize,
    ended: Mutex<Vec<ProbeEnd>>,
    /// How often calls have begun to fail.
    failing: AtomicUsize,
}

impl Probes for Stock {
    fn lend(&self) -> bool {
        let take = |left: usize| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn failing(&self) {
        self.failing.fetch_add(1, Ordering::Relaxed);
    }

    fn ended(&self, end: ProbeEnd) {
        self.ended.lock().unwrap().push(end);
    }
}

fn users(clock: &PausedClock) -> Builder {
    Breaker::builder("users").consecutive_failures(3).open_for(SECOND).clock(clock.clone())
}

#[test]
fn every_way_to_call_needs_leave_for_a_probe_and_says_how_it_ended() {
    let (clock, stock) = (PausedClock::new(), Arc::new(Stock::default()));
    let breaker = users(&clock).build().unwrap();
    assert!(breaker.join_fleet(stock.clone()));
    assert!(!breaker.join_fleet(stock.clone()), "a second fleet");
    let probe = |end: Option<Outcome>| {
        breaker.trip();
        clock.advance(SECOND);
        let call = || breaker.call_classified(|| Ok::<_, ()>(()), |_: &_| end.unwrap());
        assert!(call().is_err() && breaker.try_acquire().is_err(), "without leave");
        stock.left.store(1, Ordering::Relaxed);
        match end {
            Some(_) => assert!(call().is_ok()),
            None => drop(breaker.try_acquire_owned().unwrap()),
        }
        stock.ended.lock().unwrap().pop()
    };
    assert_eq!(probe(Some(Outcome::Success)), Some(ProbeEnd::Succeeded));
    assert_eq!(probe(Some(Outcome::Failure)), Some(ProbeEnd::Failed));
    assert_eq!(probe(Some(Outcome::WeightedFailure(1))), Some(ProbeEnd::Failed));
    assert_eq!(probe(Some(Outcome::Unanswered)), Some(ProbeEnd::Unanswered));
    assert_eq!(probe(Some(Outcome::FailureOpenFor(SECOND))), Some(ProbeEnd::Failed));
    assert_eq!(probe(None), Some(ProbeEnd::Unused));
    // Also after a reload, which makes another engine.
    let settings = users(&clock).failures_in_window(9).last_calls(9).build().unwrap();
    breaker.reload(&settings.settings()).unwrap();
    assert_eq!(probe(Some(Outcome::Success)), Some(ProbeEnd::Succeeded));
}

#[test]
fn evidence_tells_where_failures_came_from_and_how_the_last_call_ended() {
    let breaker = users(&PausedClock::new()).consecutive_failures(255).build().unwrap();
    let end = |outcome| breaker.try_acquire().unwrap().finish(outcome);
    assert!(!breaker.evidence().last_failed);
    assert!(!breaker.has_succeeded_since_asked(), "there was no call");
    [Outcome::Failure, Outcome::Unanswered, Outcome::Unanswered].into_iter().for_each(end);
    assert_eq!([0, 1, 2, 3, 9].map(|n| breaker.evidence().unanswered(n)), [0, 1, 2, 2, 2]);
    end(Outcome::Ignored);
    assert!(breaker.evidence().last_failed, "a call that says nothing changes nothing");
    assert!(!breaker.has_succeeded_since_asked());
    end(Outcome::Success);
    assert!(!breaker.evidence().last_failed);
    assert!(breaker.has_succeeded_since_asked() && !breaker.has_succeeded_since_asked());
    (0..64).for_each(|n| end(if n % 2 == 0 { Outcome::Unanswered } else { Outcome::Failure }));
    assert_eq!(
        [64, 100, u32::MAX].map(|n| breaker.evidence().unanswered(n)),
        [32, 50, u32::MAX / 2]
    );
}

#[test]
fn the_first_failure_after_a_success_is_told() {
    let stock = Arc::new(Stock::default());
    let breaker = users(&PausedClock::new()).consecutive_failures(255).build().unwrap();
    assert!(breaker.join_fleet(stock.clone()));
    let told_after = |outcome| {
        breaker.try_acquire().unwrap().finish(outcome);
        stock.failing.load(Ordering::Relaxed)
    };
    for (outcome, told) in [
        (Outcome::Success, 0),
        (Outcome::Ignored, 0),
        (Outcome::Failure, 1),
        (Outcome::Failure, 1),
        (Outcome::Success, 1),
        (Outcome::Failure, 2),
    ] {
        assert_eq!(told_after(outcome), told);
    }
}

#[test]
fn a_transition_by_the_fleet_says_so() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = heard.clone();
    let breaker = users(&PausedClock::new()).on_event(move |event| {
        if let EventKind::Transition { to, .. } = event.kind {
            ears.lock().unwrap().push((to, event.cause));
        }
    });
    let breaker = breaker.build().unwrap();
    assert!(breaker.follow_open(3 * SECOND) && !breaker.follow_open(9 * SECOND));
    assert_eq!(breaker.snapshot().retry_after, Some(3 * SECOND));
    assert!(breaker.follow_close(SECOND));
    let expected = [(Phase::Open, Cause::Fleet), (Phase::Closed, Cause::Fleet)];
    assert_eq!(*heard.lock().unwrap(), expected);
}

#[test]
fn a_closing_that_is_heard_late_goes_on_with_the_ramp_also_after_a_reload() {
    let clock = PausedClock::new();
    let breaker = users(&clock).ramp([10, 50], SECOND).build().unwrap();
    let share = || (0..100).filter(|_| breaker.try_acquire().map(drop).is_ok()).count();
    breaker.trip();
    // A millisecond that is not over does not count.
    assert!(breaker.follow_close(SECOND - Duration::from_nanos(1)));
    assert_eq!(share(), 10);
    clock.advance(Duration::from_millis(1));
    assert_eq!(share(), 50);
    let settings = users(&clock).ramp([10, 50], SECOND).failures_in_window(9).last_calls(9);
    breaker.reload(&settings.build().unwrap().settings()).unwrap();
    assert_eq!(share(), 50);
    clock.advance(SECOND);
    assert_eq!(share(), 100);
    assert!(!breaker.follow_close(2 * SECOND), "the ramp is over");
    assert!(breaker.follow_close(SECOND), "it takes up the rest");
    assert_eq!(share(), 50);
    breaker.trip();
    assert!(breaker.follow_close(Duration::from_millis((1 << 32) + 500)));
    assert_eq!(share(), 100);
}

/// Whoever waits neither spins nor is forgotten.
#[test]
fn one_that_waits_without_leave_is_woken_when_that_comes() {
    let (clock, stock) = (PausedClock::new(), Arc::new(Stock::default()));
    let breaker = users(&clock).build().unwrap();
    assert!(breaker.join_fleet(stock.clone()));
    breaker.trip();
    clock.advance(SECOND);
    let mut context = Context::from_waker(Waker::noop());
    let mut wait = pin!(breaker.acquire(|_| std::future::pending::<()>()));
    assert!(wait.as_mut().poll(&mut context).is_pending());
    assert!(wait.as_mut().poll(&mut context).is_pending());
    stock.left.store(1, Ordering::Relaxed);
    breaker.leave_has_come();
    let Poll::Ready(permit) = wait.as_mut().poll(&mut context) else { panic!("it has leave") };
    permit.success();
    assert_eq!(breaker.phase(), Phase::Closed);
}
