//! Breakers that are called rarely, or whose calls stop while it is half-open: no calls
//! is no evidence about the service behind it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use microbreaker::clock::ManualClock;
use microbreaker::{
    AfterProbeTimeout, Breaker, Cause, Config, Observer, Outcome, Permit, Phase, ShortWindow,
    TimeWindow, Transition,
};

const SECOND: u32 = 1_000;
const MINUTE: u32 = 60 * SECOND;

type OnClock<'a, W = ()> = Breaker<W, &'a ManualClock>;

fn breaker(config: Config, clock: &ManualClock) -> OnClock<'_> {
    Breaker::new(config, (), clock)
}

fn succeed(breaker: &OnClock<'_>) -> bool {
    breaker.call(|| Ok::<_, ()>(())).is_ok()
}

#[test]
fn one_call_a_minute_closes_a_breaker_that_wants_three_probes() {
    for after in [AfterProbeTimeout::Open, AfterProbeTimeout::FreshProbes, AfterProbeTimeout::Close]
    {
        let clock = ManualClock::new(0);
        let config = Config::new().consecutive_failures(3).open_for(30 * SECOND).probes(3);
        let breaker = breaker(config.after_probe_timeout(after), &clock);
        breaker.trip();
        for call in 1..=3 {
            clock.advance(MINUTE);
            assert!(succeed(&breaker), "call {call}");
        }
        assert_eq!(breaker.phase(), Phase::Closed, "{after:?}");
    }
}

#[test]
fn ten_probes_judged_by_rate_may_be_twelve_seconds_apart() {
    let clock = ManualClock::new(0);
    let config = Config::new().failure_rate(50).last_calls(20).open_for(MINUTE);
    let config = config.probes(10).probe_rate_after(10);
    let window = microbreaker::ShortWindow::new();
    let breaker: OnClock<'_, _> = Breaker::new(config, window, &clock);
    breaker.trip();
    clock.advance(MINUTE);
    for _ in 0..10 {
        assert_eq!(breaker.phase(), Phase::HalfOpen);
        assert!(breaker.call(|| Ok::<_, ()>(())).is_ok());
        clock.advance(12 * SECOND);
    }
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn probe_results_are_kept_while_no_calls_come() {
    let clock = ManualClock::new(0);
    let breaker =
        breaker(Config::new().consecutive_failures(1).open_for(50).probes(3).successes(2), &clock);
    breaker.trip();
    clock.advance(50);
    assert!(succeed(&breaker));
    // For more than half a turn of the clock.
    for _ in 0..3 {
        clock.advance(1 << 30);
        assert_eq!(breaker.snapshot().tally.calls, 1);
        assert_eq!(breaker.phase(), Phase::HalfOpen);
    }
    assert!(succeed(&breaker));
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn overlapping_probes_move_the_deadline_as_long_as_they_make_progress() {
    let clock = ManualClock::new(0);
    let config = Config::new().consecutive_failures(1).open_for(100).probes(4).probe_timeout(50);
    let breaker = breaker(config, &clock);
    breaker.trip();
    clock.advance(100);
    let first = breaker.try_acquire().unwrap();
    clock.advance(40);
    let second = breaker.try_acquire().unwrap();
    clock.advance(40);
    first.success();
    clock.advance(40);
    let third = breaker.try_acquire().unwrap();
    clock.advance(49);
    assert_eq!(breaker.phase(), Phase::HalfOpen, "49 ticks after the last progress");
    second.success();
    clock.advance(49);
    third.success();
    let fourth = breaker.try_acquire().unwrap();
    clock.advance(50);
    assert_eq!(breaker.phase(), Phase::Open, "nothing has moved for 50 ticks");
    fourth.success();
    assert_eq!(breaker.phase(), Phase::Open, "too late");
    assert_eq!(breaker.snapshot().retry_after, Some(100));
}

#[test]
fn a_refusal_says_how_long_until_the_probes_are_overdue() {
    let clock = ManualClock::new(0);
    let config = Config::new().consecutive_failures(1).open_for(100).probes(2).probe_timeout(70);
    let breaker = breaker(config, &clock);
    breaker.trip();
    clock.advance(100);
    let _first = breaker.try_acquire().unwrap();
    clock.advance(30);
    let _second = breaker.try_acquire().unwrap();
    clock.advance(20);
    let refused = breaker.try_acquire().unwrap_err();
    assert_eq!((refused.phase, refused.retry_after), (Phase::HalfOpen, Some(50)));
    assert_eq!(breaker.snapshot().retry_after, Some(50));

    let for_ever = Config::new().consecutive_failures(1).open_for(100).no_probe_timeout();
    let breaker = self::breaker(for_ever, &clock);
    breaker.trip();
    clock.advance(100);
    let _probe = breaker.try_acquire().unwrap();
    assert_eq!(
        breaker.try_acquire().unwrap_err().retry_after,
        None,
        "unknown until the probe ends"
    );
}

#[test]
fn an_overdue_breaker_reads_the_same_before_and_after_a_call_notices_it() {
    for after in [AfterProbeTimeout::Open, AfterProbeTimeout::FreshProbes, AfterProbeTimeout::Close]
    {
        let clock = ManualClock::new(0);
        let config = Config::new().consecutive_failures(1).open_for(50).after_probe_timeout(after);
        let breaker = breaker(config, &clock);
        breaker.trip();
        clock.advance(50);
        let _lost = breaker.try_acquire().unwrap().into_token();
        clock.advance(75);
        let before = breaker.snapshot();
        // Lets the breaker notice that it is overdue.
        let _ = breaker.half_open();
        if after == AfterProbeTimeout::Open {
            assert_eq!((before.phase, before.in_phase_for), (Phase::Open, 25));
            assert_eq!((before.retry_after, before.backoff_level), (Some(25), 1));
            // Here the call above made it half-open.
            continue;
        }
        assert_eq!(breaker.snapshot(), before, "{after:?}");
    }
    let clock = ManualClock::new(0);
    let breaker = breaker(Config::new().consecutive_failures(1).open_for(50), &clock);
    breaker.trip();
    clock.advance(50);
    let _lost = breaker.try_acquire().unwrap().into_token();
    clock.advance(75);
    let before = breaker.snapshot();
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after, Some(25));
    assert_eq!(breaker.snapshot(), before);
}

#[test]
fn a_longest_stay_ends_half_open_whether_probes_are_out_or_not() {
    let clock = ManualClock::new(0);
    let config = Config::new().consecutive_failures(1).open_for(100).probes(9).no_probe_timeout();
    let breaker = breaker(config.longest_half_open(250), &clock);
    breaker.trip();
    clock.advance(100);
    for _ in 0..4 {
        assert!(succeed(&breaker));
        clock.advance(60);
    }
    assert_eq!(breaker.phase(), Phase::HalfOpen, "240 ticks after the first probe");
    clock.advance(30);
    assert_eq!(breaker.phase(), Phase::Open);
    assert_eq!(breaker.snapshot().retry_after, Some(80), "it has been open for 20 ticks");
    // The next stay is counted separately.
    clock.advance(80);
    assert!(succeed(&breaker));
    clock.advance(249);
    assert!(succeed(&breaker));
    clock.advance(1);
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn fresh_probes_start_a_new_stay() {
    let clock = ManualClock::new(0);
    let config = Config::new().consecutive_failures(1).open_for(10).probes(3).no_probe_timeout();
    let config = config.longest_half_open(100).after_probe_timeout(AfterProbeTimeout::FreshProbes);
    let breaker = breaker(config, &clock);
    breaker.trip();
    clock.advance(10);
    for stay in 0..5 {
        assert!(succeed(&breaker));
        assert!(succeed(&breaker));
        assert_eq!(breaker.snapshot().tally.calls, 2, "stay {stay}");
        clock.advance(100);
    }
    assert_eq!(breaker.phase(), Phase::HalfOpen);
}

#[test]
fn failures_in_a_row_never_age_by_themselves() {
    let config = Config::new().consecutive_failures(5).failure_rate(50).min_calls(10);
    let config = config.bucket(3 * SECOND).open_for(MINUTE);
    let fails_every = |seconds, config| {
        let clock = ManualClock::new(0);
        let breaker: OnClock<'_, _> = Breaker::new(config, TimeWindow::<10>::new(), &clock);
        (1..=10).find(|_| {
            clock.advance(seconds * SECOND);
            let _ = breaker.call(|| Err::<(), _>(()));
            breaker.phase() == Phase::Open
        })
    };
    assert_eq!(fails_every(19, config), Some(5));
    assert_eq!(fails_every(19, config.consecutive_within_window()), None);
    assert_eq!(fails_every(2, config.consecutive_within_window()), Some(5));
}

#[test]
fn a_probes_place_is_freed_when_the_clock_or_the_observer_panics() {
    struct PanicsOnce<'a>(&'a AtomicBool);
    impl Observer for PanicsOnce<'_> {
        fn transition(&self, transition: &Transition) {
            let half_open = transition.cause == Cause::OpeningOver;
            assert!(!half_open || !self.0.swap(false, Ordering::Relaxed), "the observer");
        }
    }
    let config = Config::new().consecutive_failures(1).open_for(10).no_probe_timeout();
    // Either the observer panics, or one of the clock reads on the way to a permit.
    for panics_at in 0..6 {
        let (tick, readings) = (AtomicU32::new(0), AtomicU32::new(u32::MAX));
        let clock = || {
            let left = readings.load(Ordering::Relaxed);
            readings.store(left.wrapping_sub(1), Ordering::Relaxed);
            assert!(left != 1, "the clock");
            tick.load(Ordering::Relaxed)
        };
        let observer_panics = AtomicBool::new(panics_at == 0);
        let breaker = Breaker::observed(config, (), clock, PanicsOnce(&observer_panics));
        breaker.trip();
        tick.store(10, Ordering::Relaxed);
        if panics_at > 0 {
            readings.store(panics_at, Ordering::Relaxed);
        }
        let acquire = || breaker.try_acquire().map(Permit::into_token);
        let acquired = catch_unwind(AssertUnwindSafe(acquire));
        readings.store(u32::MAX, Ordering::Relaxed);
        if let Ok(token) = acquired {
            breaker.resume(token.unwrap()).ignore();
        }
        assert!(breaker.try_acquire().is_ok(), "the place is free: {panics_at}");
    }
}

#[test]
fn a_rate_is_told_from_the_least_number_of_calls_on() {
    let config = Config::new().failure_rate(50).min_calls(3).last_calls(8).open_for(10);
    let breaker = Breaker::new(config, ShortWindow::new(), || 0);
    let told = [Outcome::Failure, Outcome::Success, Outcome::Success].map(|outcome| {
        breaker.try_acquire().unwrap().finish(outcome);
        breaker.snapshot().failure_permille()
    });
    assert_eq!(told, [None, None, Some(333)]);
}
