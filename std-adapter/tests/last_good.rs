//! The last good answer as a fallback.
#![cfg(feature = "last-good")]

use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, CallError, ErrorsFail, LastGood, Outcome, Phase, failing_if};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// A breaker that opens at the first failure, the last good answers, and the clock of both.
fn users<T: Clone>(most: usize) -> (Breaker, LastGood<u32, T>, PausedClock) {
    let clock = PausedClock::new();
    let builder = Breaker::builder("users").consecutive_failures(1).open_for(SECOND);
    let users = builder.clock(clock.clone()).build().unwrap();
    let last = LastGood::of(&users, most);
    (users, last, clock)
}

const FAILS: Result<u32, &str> = Err("down");

#[test]
fn the_last_good_answer_stands_in_for_a_failure_and_a_rejection() {
    let (users, last, _) = users(10);
    assert_eq!(users.call_or_last(&last, 1, || FAILS), Err(CallError::Failed("down")));
    users.reset();
    assert_eq!(users.call_or_last(&last, 1, || Ok::<_, &str>(42)), Ok(42));
    assert_eq!(users.call_or_last(&last, 1, || FAILS), Ok(42));
    assert_eq!(users.phase(), Phase::Open, "the failure counted");
    assert_eq!(users.call_or_last(&last, 1, || Ok::<_, &str>(43)), Ok(42), "not asked");
}

#[test]
fn each_question_has_an_answer_of_its_own() {
    let (users, last, _) = users(10);
    assert_eq!(users.call_or_last(&last, 1, || Ok::<_, &str>(42)), Ok(42));
    assert_eq!(users.call_or_last(&last, 2, || FAILS), Err(CallError::Failed("down")));
    assert!(users.call_or_last(&last, 2, || FAILS).unwrap_err().is_rejected());
    assert_eq!(users.call_or_last(&last, 1, || FAILS), Ok(42));
}

/// Statuses come as `Ok`.
#[test]
fn an_answer_that_counted_as_failed_is_neither_kept_nor_served() {
    let (users, last, _) = users(10);
    let server_errors = |status: &Result<u16, ()>| match status {
        Ok(500..) | Err(()) => Outcome::Failure,
        _ => Outcome::Success,
    };
    let call = |status| {
        users.reset();
        users.call_or_last_classified(&last, 1, || Ok(status), server_errors)
    };
    assert_eq!(call(503), Ok(503), "nothing better");
    assert_eq!(
        users
            .call_or_last_classified(&last, 1, || Ok(200), server_errors)
            .unwrap_err()
            .into_failed(),
        None
    );
    assert_eq!(call(200), Ok(200));
    assert_eq!(call(503), Ok(200));
    let busy = |_: &Result<u16, ()>| Outcome::FailureOpenFor(SECOND);
    users.reset();
    assert_eq!(users.call_or_last_classified(&last, 1, || Ok(429), busy), Ok(200));
    assert_eq!(call(201), Ok(201));
    assert_eq!(call(500), Ok(201), "the last one");
}

#[test]
fn what_counts_as_a_success_or_as_nothing_is_returned_as_it_is() {
    let (users, last, _) = users(10);
    users.call_or_last(&last, 1, || Ok::<_, &str>(42)).unwrap();
    let answers = failing_if(|error: &&str| *error != "not found");
    let missing = users.call_or_last_classified(&last, 1, || Err("not found"), answers);
    assert_eq!(missing, Err(CallError::Failed("not found")));
    let ignored = |_: &Result<u32, &str>| Outcome::Ignored;
    let bad = users.call_or_last_classified(&last, 1, || Err("bad argument"), ignored);
    assert_eq!(bad, Err(CallError::Failed("bad argument")));
    assert_eq!(users.call_or_last_classified(&last, 1, || Ok(7), ignored), Ok(7));
    assert_eq!(users.call_or_last(&last, 1, || FAILS), Ok(42), "that was not kept");
}

#[test]
fn an_answer_ages_by_the_clock_of_the_breaker() {
    let (users, last, clock) = users(10);
    let last = last.no_older_than(10 * SECOND);
    clock.advance(DAY);
    users.call_or_last(&last, 1, || Ok::<_, &str>(42)).unwrap();
    clock.advance(10 * SECOND);
    assert_eq!(users.call_or_last(&last, 1, || FAILS), Ok(42));
    clock.advance(Duration::from_millis(1));
    assert!(users.call_or_last(&last, 1, || FAILS).is_err());
}

/// The clock of 32 bits turns in 49.7 days.
#[test]
fn an_old_answer_does_not_get_young_when_the_clock_has_turned() {
    let (users, last, clock) = users(10);
    let last = last.no_older_than(SECOND);
    let turn = Duration::from_millis(1 << 32);
    users.call_or_last(&last, 1, || Ok::<_, &str>(42)).unwrap();
    clock.advance(turn / 2);
    users.call_or_last(&last, 2, || Ok::<_, &str>(7)).unwrap();
    clock.advance(turn - turn / 2);
    assert_eq!(users.call_or_last(&last, 1, || FAILS), Err(CallError::Failed("down")));
    clock.advance(49 * DAY);
    users.call_or_last(&last, 1, || Ok::<_, &str>(43)).unwrap();
    clock.advance(49 * DAY);
    assert!(users.call_or_last(&last, 1, || FAILS).is_err());
}

/// Otherwise whoever asks many questions fills the memory.
#[test]
fn no_more_answers_are_kept_than_may_be() {
    let (users, last, _) = users(2);
    for key in 1..=2 {
        users.call_or_last(&last, key, || Ok::<_, &str>(key)).unwrap();
    }
    assert_eq!(users.call_or_last(&last, 1, || FAILS), Ok(1), "and 1 was served last");
    users.reset();
    users.call_or_last(&last, 3, || Ok::<_, &str>(3)).unwrap();
    users.force_open();
    let served = [1, 2, 3].map(|key| users.call_or_last(&last, key, || FAILS).ok());
    assert_eq!(served, [Some(1), None, Some(3)]);
}

#[test]
fn an_answer_that_is_replaced_is_dropped() {
    let (users, last, _) = users(1);
    let old = Arc::new(42);
    users.call_or_last(&last, 1, || Ok::<_, ()>(old.clone())).unwrap();
    users.call_or_last(&last, 1, || Ok::<_, ()>(Arc::new(43))).unwrap();
    assert_eq!(Arc::strong_count(&old), 1);
}

#[test]
#[should_panic = "at least one answer must be remembered"]
fn no_answer_at_all_is_a_mistake() {
    let _ = users::<u32>(0);
}

#[test]
fn futures_fall_back_too_and_an_abandoned_one_keeps_nothing() {
    fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }
    let (users, last, _) = users(10);
    assert_eq!(
        poll(users.call_or_last_async(&last, 1, ready(Ok::<_, &str>(42)))),
        Poll::Ready(Ok(42))
    );
    assert!(poll(users.call_or_last_async(&last, 1, pending::<Result<u32, &str>>())).is_pending());
    assert_eq!(poll(users.call_or_last_async(&last, 1, ready(FAILS))), Poll::Ready(Ok(42)));
    assert_eq!(
        poll(users.call_or_last_async(&last, 1, ready(FAILS))),
        Poll::Ready(Ok(42)),
        "refused"
    );
    let refused = poll(users.call_or_last_async(&last, 2, ready(FAILS)));
    assert!(matches!(refused, Poll::Ready(Err(CallError::Rejected(_)))));
}

#[test]
fn the_result_of_a_call_that_a_layer_guarded_is_kept_or_replaced() {
    let (users, last, _) = users(10);
    assert_eq!(last.or_last(1, Ok::<_, &str>(42), ErrorsFail), Ok(42));
    assert_eq!(last.or_last(1, FAILS, ErrorsFail), Ok(42));
    assert_eq!(last.or_last(2, FAILS, ErrorsFail), Err("down"));
    assert_eq!(users.phase(), Phase::Closed, "that call is not the breaker's");
}

#[test]
fn a_clone_that_panics_does_not_end_the_fallback() {
    #[derive(Debug)]
    struct Moody(u32);
    impl Clone for Moody {
        fn clone(&self) -> Self {
            assert_ne!(self.0, 13, "of the clone");
            Self(self.0)
        }
    }
    let (users, last, _) = users(10);
    users.call_or_last(&last, 1, || Ok::<_, ()>(Moody(42))).unwrap();
    let unlucky = || users.call_or_last(&last, 1, || Ok::<_, ()>(Moody(13)));
    assert!(catch_unwind(AssertUnwindSafe(unlucky)).is_err());
    assert_eq!(users.call_or_last(&last, 1, || Err::<_, ()>(())).unwrap().0, 42);
}
