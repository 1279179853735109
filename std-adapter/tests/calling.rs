//! Guarded functions and futures, and how their outcomes count.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::Abandoned;
use microbreaker_std::{Breaker, Builder, CallError, Outcome, Permit, Phase, failing_if};

const SECOND: Duration = Duration::from_secs(1);

/// Trips at the first failure.
fn touchy(clock: &PausedClock) -> Builder {
    Breaker::builder("users").consecutive_failures(1).open_for(SECOND).clock(clock.clone())
}

fn breaker() -> (Breaker, PausedClock) {
    let clock = PausedClock::new();
    (touchy(&clock).build().unwrap(), clock)
}

/// Polls once.
fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn fail() -> Result<u32, &'static str> {
    Err("no answer")
}

#[test]
fn a_rejection_names_the_breaker_the_phase_and_the_wait() {
    let (breaker, clock) = breaker();
    assert_eq!(breaker.call(fail), Err(CallError::Failed("no answer")));
    clock.advance(Duration::from_millis(250));
    let rejected = breaker.call(fail).unwrap_err().rejected().cloned().unwrap();
    assert_eq!((rejected.name(), rejected.phase()), ("users", Phase::Open));
    assert_eq!(rejected.retry_after(), Some(Duration::from_millis(750)));
    assert_eq!(
        rejected.to_string(),
        "circuit breaker \"users\" refused the call: open for another 750ms"
    );
}

#[test]
fn time_starts_when_the_breaker_is_built() {
    let clock = PausedClock::new();
    clock.advance(7 * SECOND);
    let breaker = touchy(&clock).build().unwrap();
    clock.advance(SECOND);
    assert_eq!(breaker.snapshot().in_phase_for, SECOND);
}

#[test]
fn a_step_of_a_ramp_admits_its_share_of_the_calls() {
    let clock = PausedClock::new();
    let breaker = touchy(&clock).ramp([20], 100 * SECOND).build().unwrap();
    breaker.trip();
    clock.advance(SECOND);
    breaker.call(|| Ok::<_, ()>(())).unwrap();
    let admitted = (0..1_000).filter(|_| breaker.call(|| Ok::<_, ()>(())).is_ok()).count();
    assert_eq!(admitted, 200);
}

#[test]
fn an_ignored_call_is_not_an_abandoned_one() {
    let breaker = touchy(&PausedClock::new()).abandoned(Abandoned::Failed).build().unwrap();
    breaker.try_acquire().unwrap().ignore();
    assert_eq!(breaker.phase(), Phase::Closed);
    drop(breaker.try_acquire().unwrap());
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn clones_are_the_same_breaker() {
    let (breaker, _) = breaker();
    breaker.clone().trip();
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn a_panic_is_a_failure_and_propagates() {
    let (breaker, clock) = breaker();
    let caught = catch_unwind(|| breaker.call(|| -> Result<(), ()> { panic!("of the call") }));
    assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "of the call");
    assert_eq!(breaker.phase(), Phase::Open);

    // The same for a probe, in a future.
    clock.advance(SECOND);
    let mut call = Box::pin(
        breaker.call_async(poll_fn(|_| -> Poll<Result<(), ()>> { panic!("of the future") })),
    );
    let caught = catch_unwind(AssertUnwindSafe(|| poll(call.as_mut())));
    assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "of the future");
    drop(call);
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn a_panicking_classifier_is_a_failure() {
    let (breaker, _) = breaker();
    let classify = |_: &Result<u32, ()>| -> Outcome { panic!("of the classifier") };
    assert!(catch_unwind(|| breaker.call_classified(|| Ok(1), classify)).is_err());
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn a_future_is_admitted_before_it_is_polled() {
    let (breaker, _) = breaker();
    breaker.trip();
    let polled = Cell::new(false);
    let call = breaker.call_async(poll_fn(|_| {
        polled.set(true);
        Poll::Ready(fail())
    }));
    assert!(matches!(poll(call), Poll::Ready(Err(CallError::Rejected(_)))));
    assert!(!polled.get());
}

#[test]
fn a_future_that_is_never_polled_takes_no_permit() {
    let (breaker, clock) = breaker();
    breaker.trip();
    clock.advance(SECOND);
    let unpolled = breaker.call_async(ready(fail()));
    assert_eq!(poll(breaker.call_async(ready(Ok::<_, ()>(42)))), Poll::Ready(Ok(42)));
    assert_eq!(breaker.phase(), Phase::Closed);
    drop(unpolled);
}

#[test]
fn a_dropped_future_hands_its_probe_back() {
    let (breaker, clock) = breaker();
    breaker.trip();
    clock.advance(SECOND);
    assert!(poll(breaker.call_async(pending::<Result<(), ()>>())).is_pending());
    assert!(breaker.call(|| Ok::<_, ()>(())).is_ok(), "the probe is free again");
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_dropped_future_fails_if_so_configured() {
    let breaker = touchy(&PausedClock::new()).abandoned(Abandoned::Failed).build().unwrap();
    assert!(poll(breaker.call_async(pending::<Result<(), ()>>())).is_pending());
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn a_dropped_future_counts_by_how_long_it_lasted_if_so_configured() {
    let clock = PausedClock::new();
    let builder = touchy(&clock).slow_rate(100).slow_after(SECOND).last_calls(1);
    let breaker = builder.abandoned(Abandoned::ByTime).build().unwrap();
    for (lasted, phase) in [(SECOND, Phase::Closed), (2 * SECOND, Phase::Open)] {
        let mut call = Box::pin(breaker.call_async(pending::<Result<(), ()>>()));
        assert!(poll(call.as_mut()).is_pending());
        clock.advance(lasted);
        drop(call);
        assert_eq!(breaker.phase(), phase, "after {lasted:?}");
    }
}

/// A future dropped while other code panics has not panicked itself.
#[test]
fn a_future_dropped_by_a_panic_elsewhere_is_abandoned() {
    let (breaker, _) = breaker();
    let caught = catch_unwind(|| {
        let mut call = Box::pin(breaker.call_async(pending::<Result<(), ()>>()));
        assert!(poll(call.as_mut()).is_pending());
        panic!("elsewhere");
    });
    assert!(caught.is_err());
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn only_what_the_classifier_says_counts() {
    let (breaker, _) = breaker();
    let serious = failing_if(|error: &u16| *error >= 500);
    assert_eq!(breaker.call_classified(|| Err::<(), _>(404), serious), Err(CallError::Failed(404)));
    assert_eq!(breaker.phase(), Phase::Closed);
    let ignored = |_: &Result<(), u16>| Outcome::Ignored;
    assert!(breaker.call_classified(|| Err(500), ignored).is_err());
    assert_eq!(breaker.phase(), Phase::Closed);
    assert!(breaker.call_classified(|| Err::<(), _>(500), serious).is_err());
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn an_error_can_set_how_long_to_open() {
    let (breaker, clock) = breaker();
    let busy = |_: &Result<u32, &str>| Outcome::FailureOpenFor(Duration::from_secs(7));
    assert!(poll(breaker.call_async_classified(ready(fail()), busy)).is_ready());
    assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_secs(7)));
    clock.advance(Duration::from_secs(7));
    assert_eq!(breaker.phase(), Phase::HalfOpen);
}

#[test]
fn a_wait_longer_than_the_clock_can_count_is_clamped() {
    let (breaker, _) = breaker();
    breaker.trip_for(Duration::MAX);
    assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_millis((1 << 31) - 1)));
}

#[test]
fn slow_calls_are_timed_or_reported() {
    let clock = PausedClock::new();
    let breaker = Breaker::builder("users")
        .slow_rate(100)
        .slow_after(SECOND)
        .last_calls(10)
        .open_for(SECOND)
        .clock(clock.clone());
    let timed = breaker.clone().build().unwrap();
    let slow = || {
        clock.advance(SECOND + Duration::from_millis(1));
        Ok::<_, ()>(())
    };
    assert!(timed.call(slow).is_ok());
    assert_eq!(timed.phase(), Phase::Open);

    let told = breaker.build().unwrap();
    told.try_acquire().unwrap().took(2 * SECOND).success();
    assert_eq!(told.phase(), Phase::Open);
}

#[test]
fn the_slow_rate_exists_only_with_a_slow_call_policy() {
    let builder = Breaker::builder("users").failure_rate(100).last_calls(10).open_for(SECOND);
    let rates = |builder: Builder| {
        let breaker = builder.build().unwrap();
        breaker.call(|| Ok::<_, ()>(())).unwrap();
        let snapshot = breaker.snapshot();
        (snapshot.failure_rate, snapshot.slow_rate)
    };
    assert_eq!(rates(builder.clone()), (Some(0.0), None));
    assert_eq!(rates(builder.slow_rate(100).slow_after(SECOND)), (Some(0.0), Some(0.0)));
}

#[test]
fn a_permit_can_go_to_another_thread() {
    let (breaker, _) = breaker();
    let permit: Permit = breaker.try_acquire_owned().unwrap();
    std::thread::spawn(|| permit.failure()).join().unwrap();
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn a_dropped_permit_does_not_count() {
    let (breaker, _) = breaker();
    drop(breaker.try_acquire().unwrap());
    assert_eq!(breaker.snapshot().consecutive_failures, 0);
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_wrapped_function_is_guarded() {
    let (breaker, _) = breaker();
    let parse = breaker.wrap(|text: &str| text.parse::<u32>());
    assert_eq!(parse("42"), Ok(42));
    assert!(matches!(parse("x"), Err(CallError::Failed(_))));
    assert!(matches!(parse("42"), Err(CallError::Rejected(_))));
}

/// The fallback may call through the same breaker: the permit has been returned by then.
#[test]
fn a_fallback_never_holds_the_permit() {
    let (breaker, clock) = breaker();
    breaker.trip();
    clock.advance(SECOND);
    let answer = breaker
        .call_classified(fail, |_: &Result<u32, _>| Outcome::Ignored)
        .or_else(|_| breaker.call(|| Ok::<u32, &str>(42)));
    assert_eq!(answer, Ok(42));
}

/// A future that holds on to something until it is dropped, whether it has ended or not, and
/// then notes the phase.
struct Holds<'a> {
    breaker: &'a Breaker,
    dropped_in: &'a Cell<Option<Phase>>,
    waits: u32,
}

impl Future for Holds<'_> {
    type Output = Result<u32, &'static str>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match self.waits.checked_sub(1) {
            Some(left) => {
                self.waits = left;
                Poll::Pending
            }
            None => Poll::Ready(fail()),
        }
    }
}

impl Drop for Holds<'_> {
    fn drop(&mut self) {
        self.dropped_in.set(Some(self.breaker.phase()));
    }
}

/// What the call holds may be what a fallback, or the next probe, waits for.
#[test]
fn a_call_that_has_ended_is_dropped_before_its_permit_and_not_with_its_future() {
    let (breaker, _) = breaker();
    let dropped_in = Cell::new(None);
    let holds = |waits| Holds { breaker: &breaker, dropped_in: &dropped_in, waits };
    for waits in 0..3 {
        let mut call = pin!(breaker.call_async(holds(waits)));
        for _ in 0..waits {
            assert!(poll(call.as_mut()).is_pending());
        }
        assert_eq!(dropped_in.take(), None);
        assert_eq!(poll(call.as_mut()), Poll::Ready(Err(CallError::Failed("no answer"))));
        assert_eq!(dropped_in.take(), Some(Phase::Closed), "after {waits}");
        assert_eq!(breaker.phase(), Phase::Open);
        breaker.reset();
    }
    breaker.trip();
    let mut call = pin!(breaker.call_async(holds(0)));
    assert!(matches!(poll(call.as_mut()), Poll::Ready(Err(CallError::Rejected(_)))));
    assert_eq!(dropped_in.take(), Some(Phase::Open));
}
