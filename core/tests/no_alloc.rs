//! Breakers and throttles never allocate, in any phase.
#![cfg(feature = "history")]

use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Waker};

use microbreaker::{
    Breaker, Config, CountWindow, Counters, FailureWindow, Gate, History, Outcome, ShortWindow,
    Throttle, ThrottleConfig, TimeWindow, WithSlow, clock::ManualClock, window::Window,
};

/// How often this thread allocates while `f` runs.
fn allocations(f: impl FnOnce()) -> u64 {
    allocation_counter::measure(f).count_total
}

/// Calls every method in every phase that manual control and time can lead to.
fn exercise<W: Window>(config: Config, window: W) {
    let clock = ManualClock::new(0);
    let observer = (Counters::new(), History::<4>::new());
    let breaker = Breaker::observed(config, window, &clock, &observer);
    let calls = || {
        for outcome in [Outcome::Success, Outcome::Failure, Outcome::Ignored, Outcome::Failure] {
            let _ = breaker.call_classified(|| Ok::<_, ()>(()), |_| outcome);
            let call = breaker.call_async_classified(ready(Ok::<_, ()>(())), |_| outcome);
            let _ = pin!(call).poll(&mut Context::from_waker(Waker::noop()));
            let held = breaker.try_acquire().map(|permit| permit.into_token());
            if let (Ok(token), Ok(dropped)) = (held, breaker.try_acquire()) {
                breaker.resume(token).took(3).finish(outcome);
                drop(dropped);
            }
            let _ = (breaker.phase(), breaker.tally(), breaker.snapshot());
            clock.advance(2);
        }
    };
    let commands: [fn(&Breaker<W, _, _>); 7] = [
        |b| b.reset(),
        |b| b.trip(),
        |b| b.trip_for(1_000_003),
        |b| _ = b.half_open(),
        |b| b.force_open(),
        |b| b.disable(),
        |b| b.metrics_only(),
    ];
    for first in commands {
        for second in commands {
            first(&breaker);
            calls();
            second(&breaker);
            calls();
            clock.advance(7);
            calls();
            if let Ok(permit) = breaker.try_acquire() {
                permit.finish(Outcome::FailureOpenFor(11));
            }
            let _ = (observer.0.counts(), observer.1.snapshot());
        }
    }
}

#[test]
fn allocations_are_counted() {
    assert_eq!(allocations(|| drop(Box::new(1))), 1);
}

#[test]
fn no_breaker_allocates() {
    let base = Config::new().consecutive_failures(3).open_for(5).probes(2).ramp([50], 4);
    let count = base.failures_in_window(2).last_calls(4);
    let time = base.failures_in_window(2).bucket(3);
    let slow = count.slow_rate(50).slow_after(2);
    let total = allocations(|| {
        exercise(base, ());
        exercise(count, ShortWindow::new());
        exercise(count, CountWindow::<3>::new());
        exercise(time, TimeWindow::<3>::new());
        exercise(time, FailureWindow::<3>::new());
        exercise(slow, WithSlow::new(CountWindow::<3>::new(), CountWindow::new()));
    });
    assert_eq!(total, 0);
}

#[test]
fn no_throttle_allocates() {
    let total = allocations(|| {
        let clock = ManualClock::new(0);
        let config = ThrottleConfig::new(7).bucket(10);
        let throttle = Throttle::new(config, TimeWindow::<4>::new(), &clock);
        for call in 0..200_u32 {
            let _ = throttle.call(|| if call % 3 == 0 { Ok(()) } else { Err(()) });
            clock.advance(1);
        }
        assert!(throttle.tally().calls > 0);
    });
    assert_eq!(total, 0);
}
