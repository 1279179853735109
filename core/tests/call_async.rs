//! Guarded calls of futures, polled by hand.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use microbreaker::{
    Breaker, CallError, Config, Counters, Counts, Gate, Observer, Outcome, Permit, Phase,
    ShortWindow, Throttle, ThrottleConfig, WithSlow, clock::ManualClock,
};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    poll(pin!(future))
}

type Observed<'a> = Breaker<(), &'a ManualClock, Counters>;

fn breaker(config: Config, clock: &ManualClock) -> Observed<'_> {
    Breaker::observed(config, (), clock, Counters::new())
}

const TWO_FAILURES: Config = Config::new().consecutive_failures(2).open_for(100);

/// Is pending for `polls` polls, then `result`.
fn after<T: Copy>(polls: u32, result: T) -> impl Future<Output = T> {
    let mut left = polls;
    poll_fn(move |_| match left {
        0 => Poll::Ready(result),
        _ => {
            left -= 1;
            Poll::Pending
        }
    })
}

#[test]
fn a_call_counts_once_when_it_ends() {
    let clock = ManualClock::new(0);
    let breaker = breaker(TWO_FAILURES, &clock);
    let mut call = pin!(breaker.call_async(after(2, Err::<(), _>("no answer"))));
    for _ in 0..2 {
        assert_eq!(poll(call.as_mut()), Poll::Pending);
        assert_eq!(breaker.observer().counts(), Counts::default());
    }
    assert_eq!(poll(call), Poll::Ready(Err(CallError::Failed("no answer"))));
    assert_eq!(breaker.observer().counts().failures, 1);
    assert_eq!(poll_once(breaker.call_async(ready(Ok::<_, ()>(21)))), Poll::Ready(Ok(21)));
    assert_eq!(breaker.observer().counts().successes, 1);
}

#[test]
fn a_refused_future_is_not_polled() {
    let clock = ManualClock::new(0);
    let breaker = breaker(TWO_FAILURES, &clock);
    breaker.trip();
    let mut call = pin!(breaker.call_async(poll_fn(|_| -> Poll<Result<(), ()>> { panic!() })));
    let Poll::Ready(Err(CallError::Rejected(why))) = poll(call.as_mut()) else { panic!() };
    assert_eq!(why.retry_after, Some(100));
}

#[test]
fn the_first_poll_asks() {
    let clock = ManualClock::new(0);
    let breaker = breaker(TWO_FAILURES, &clock);
    breaker.trip();
    let call = breaker.call_async(ready(Ok::<_, ()>(21)));
    clock.advance(100);
    assert_eq!(poll_once(call), Poll::Ready(Ok(21)), "the probe");
    assert_eq!(breaker.phase(), Phase::Closed);

    breaker.trip();
    clock.advance(100);
    drop(breaker.call_async(pending::<Result<(), ()>>()));
    assert_eq!(breaker.observer().counts().ignored, 0, "never admitted");
    assert!(breaker.try_acquire().is_ok());
}

#[test]
fn a_classifier_decides_what_counts() {
    let clock = ManualClock::new(0);
    let breaker = breaker(TWO_FAILURES, &clock);
    let busy = Cell::new(true);
    let judge = |result: &Result<(), &str>| match result {
        Err(_) if busy.get() => Outcome::Ignored,
        Err(_) => Outcome::FailureOpenFor(7),
        Ok(()) => Outcome::Success,
    };
    for _ in 0..9 {
        let call = breaker.call_async_classified(after(0, Err("no acknowledgement")), judge);
        assert!(poll_once(call).is_ready());
    }
    assert_eq!(breaker.observer().counts().ignored, 9);
    busy.set(false);
    assert!(poll_once(breaker.call_async_classified(after(0, Err("gone")), judge)).is_ready());
    assert_eq!(breaker.snapshot().retry_after, Some(7));
}

#[test]
fn dropped_half_way_a_call_is_abandoned() {
    let clock = ManualClock::new(0);
    for (config, failures) in [(TWO_FAILURES, 0), (TWO_FAILURES.abandoned_fails(), 1)] {
        let breaker = breaker(config, &clock);
        assert!(poll_once(breaker.call_async(pending::<Result<(), ()>>())).is_pending());
        let counts = breaker.observer().counts();
        assert_eq!((counts.failures, counts.ignored), (failures, 1 - failures));
    }
}

#[test]
fn a_probe_dropped_half_way_is_handed_back() {
    let clock = ManualClock::new(0);
    let breaker = breaker(TWO_FAILURES, &clock);
    breaker.trip();
    clock.advance(100);
    for _ in 0..9 {
        let mut probe = pin!(breaker.call_async(pending::<Result<(), ()>>()));
        assert!(poll(probe.as_mut()).is_pending());
        assert!(breaker.try_acquire().is_err(), "it is out");
    }
    assert_eq!(poll_once(breaker.call_async(ready(Ok::<_, ()>(1)))), Poll::Ready(Ok(1)));
    assert_eq!(breaker.phase(), Phase::Closed);
}

/// Ends at once if `future` is not ready at its first poll: a time limit that runs out.
fn limited<T, E: Copy>(
    future: impl Future<Output = Result<T, E>>,
    late: E,
) -> impl Future<Output = Result<T, E>> {
    let mut future = Some(Box::pin(future));
    poll_fn(move |_| match future.take().map(|mut future| poll(future.as_mut())) {
        Some(Poll::Ready(result)) => Poll::Ready(result),
        _ => Poll::Ready(Err(late)),
    })
}

#[test]
fn a_limit_inside_the_permit_trips_and_one_around_it_does_not() {
    let clock = ManualClock::new(0);
    let (inside, around) = (breaker(TWO_FAILURES, &clock), breaker(TWO_FAILURES, &clock));
    let hangs = pending::<Result<(), &str>>;
    for _ in 0..10 {
        let _ = poll_once(limited(
            async { around.call_async(hangs()).await.map_err(|_| "refused") },
            "late",
        ));
        let _ = poll_once(inside.call_async(limited(hangs(), "late")));
    }
    assert_eq!(around.phase(), Phase::Closed, "ten abandoned calls");
    assert_eq!(around.observer().counts().ignored, 10);
    assert_eq!(inside.phase(), Phase::Open);
    assert_eq!(inside.observer().counts().failures, 2);
}

#[test]
fn a_limit_around_the_permit_trips_if_abandoned_calls_count_by_time() {
    let clock = ManualClock::new(0);
    let config = Config::new().last_calls(4).slow_rate(50).slow_after(19).min_calls(4);
    let window = WithSlow::new(ShortWindow::new(), ShortWindow::new());
    let breaker = Breaker::new(config.open_for(100).abandoned_by_time(), window, &clock);
    for _ in 0..4 {
        assert_eq!(breaker.phase(), Phase::Closed);
        let mut call = pin!(breaker.call_async(pending::<Result<(), ()>>()));
        assert!(poll(call.as_mut()).is_pending());
        clock.advance(20);
    }
    assert_eq!(breaker.phase(), Phase::Open, "each was dropped after its limit of 20");
}

#[test]
fn unwinding_is_a_failure() {
    let clock = ManualClock::new(0);
    let breaker = breaker(TWO_FAILURES, &clock);
    let calls: [&dyn Fn() -> bool; 2] = [
        &|| {
            poll_once(breaker.call_async(poll_fn(|_| -> Poll<Result<(), ()>> { panic!() })))
                .is_ready()
        },
        &|| {
            poll_once(breaker.call_async_classified(ready(Ok::<_, ()>(())), |_| panic!()))
                .is_ready()
        },
    ];
    for call in calls {
        assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    }
    assert_eq!(breaker.observer().counts().failures, 2);
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
#[should_panic(expected = "a guarded call was polled after its end")]
fn polling_after_the_end_is_a_mistake() {
    let clock = ManualClock::new(0);
    let breaker = breaker(TWO_FAILURES, &clock);
    let mut call = pin!(breaker.call_async(poll_fn(|_| Poll::Ready(Ok::<_, ()>(())))));
    assert!(poll(call.as_mut()).is_ready());
    let _ = poll(call);
}

/// Notes what it is told in the order in which it is told.
struct Notes(RefCell<Vec<&'static str>>);

impl Notes {
    fn add(&self, note: &'static str) {
        self.0.borrow_mut().push(note);
    }
}

impl Observer for &Notes {
    fn outcome(&self, _: Outcome, _: bool) {
        self.add("the permit is back");
    }
}

#[test]
fn a_dropped_call_lets_go_of_the_callee_before_its_permit() {
    struct Bus<'a>(&'a Notes);
    impl Drop for Bus<'_> {
        fn drop(&mut self) {
            self.0.add("the bus is free");
        }
    }
    let notes = Notes(RefCell::new(Vec::new()));
    let breaker = Breaker::observed(TWO_FAILURES, (), || 0, &notes);
    let transfer = async {
        let _bus = Bus(&notes);
        pending::<Result<(), ()>>().await
    };
    assert!(poll_once(breaker.call_async(transfer)).is_pending());
    assert_eq!(*notes.0.borrow(), ["the bus is free", "the permit is back"]);
}

#[test]
fn a_throttle_guards_futures_too() {
    let clock = ManualClock::new(0);
    let config = ThrottleConfig::new(0x5eed).last_calls(20);
    let throttle = Throttle::new(config, ShortWindow::new(), &clock);
    assert_eq!(poll_once(throttle.call_async(ready(Ok::<_, ()>(21)))), Poll::Ready(Ok(21)));
    assert!(poll_once(throttle.call_async(pending::<Result<(), ()>>())).is_pending());
    assert_eq!(throttle.tally().calls, 1, "abandoned calls are not counted");
}

#[test]
fn a_guarded_future_is_as_large_as_the_future_and_a_permit() {
    let clock = ManualClock::new(0);
    let breaker = breaker(TWO_FAILURES, &clock);
    let permit = size_of::<Permit<'_, Observed<'_>>>();
    for size in [of(ready(Ok::<u32, ()>(1)), &breaker), of(large(), &breaker)] {
        let (bare, guarded) = size;
        assert_eq!(guarded, (bare + permit).next_multiple_of(align_of::<usize>()));
    }
    // What a classifier captures comes on top.
    let limit = 7_u64;
    let call = ready(Ok::<u32, ()>(1));
    let (bare, _) = of(ready(Ok::<u32, ()>(1)), &breaker);
    let guarded = breaker.call_async_classified(call, move |result| match result {
        Ok(value) if u64::from(*value) < limit => Outcome::Success,
        _ => Outcome::Failure,
    });
    assert_eq!(size_of_val(&guarded), (bare + permit + 8).next_multiple_of(align_of::<usize>()));
}

/// The sizes of a future, bare and guarded.
fn of(call: impl Future<Output = Result<u32, ()>>, breaker: &Observed<'_>) -> (usize, usize) {
    (size_of_val(&call), size_of_val(&breaker.call_async(call)))
}

async fn large() -> Result<u32, ()> {
    let buffer = [1_u8; 500];
    ready(()).await;
    Ok(buffer.iter().map(|byte| u32::from(*byte)).sum())
}

#[test]
fn a_guarded_future_is_send_if_the_call_is() {
    fn is_send<T: Send>(_: &T) -> bool {
        true
    }
    let clock = ManualClock::new(0);
    let breaker = breaker(TWO_FAILURES, &clock);
    assert!(is_send(&breaker.call_async(ready(Ok::<_, ()>(1)))));
    assert!(is_send(&breaker.call_async_classified(ready(Ok::<_, ()>(1)), |_| Outcome::Ignored)));
}
