//! What a permit offers to code built on the breaker.

use std::panic::{AssertUnwindSafe, catch_unwind};

use microbreaker::{
    Breaker, Config, Gate, Outcome, ShortWindow, Tally, Token, WithSlow, clock::ManualClock,
};

const CONFIG: Config =
    Config::new().slow_rate(100).slow_after(5).last_calls(10).min_calls(10).open_for(100);

#[test]
fn a_call_is_timed_from_when_its_permit_was_given() {
    let clock = ManualClock::new(1_000);
    let breaker = Breaker::new(CONFIG, WithSlow::<ShortWindow>::default(), &clock);
    for (ticks, took, slow) in [(5, None, 0), (6, None, 1), (6, Some(5), 1), (5, Some(6), 2)] {
        let permit = breaker.try_acquire().unwrap();
        let (started, bits) = (permit.started(), permit.into_token().to_bits());
        clock.advance(ticks);
        breaker.complete(Token::from_bits(bits).unwrap(), started, took, Outcome::Success);
        let tally = breaker.tally();
        assert_eq!(tally, Tally { slow, ..tally }, "{ticks} {took:?}");
    }
}

#[test]
fn the_clock_is_not_read_unless_slow_calls_are_watched() {
    let config = Config::new().consecutive_failures(2).open_for(100);
    let breaker = Breaker::new(config, (), || -> u32 { unreachable!("the clock was read") });
    let permit = breaker.try_acquire().unwrap();
    assert_eq!(permit.started(), 0);
    permit.success();
}

#[test]
fn the_call_of_a_permit_ends_as_its_result_says() {
    let clock = ManualClock::new(1_000);
    let breaker = Breaker::new(CONFIG, WithSlow::<ShortWindow>::default(), &clock);
    let call = |took, outcome| {
        let permit = breaker.try_acquire().unwrap();
        let permit = if let Some(ticks) = took { permit.took(ticks) } else { permit };
        permit.call_classified(|| Err::<(), _>("why"), |_| outcome)
    };
    assert_eq!(call(None, Outcome::Success), Err("why"));
    assert_eq!(call(Some(6), Outcome::Failure), Err("why"));
    assert_eq!(call(None, Outcome::Ignored), Err("why"));
    assert_eq!(breaker.tally(), Tally { calls: 2, failed: 1, slow: 1, level: 0 });
}

#[test]
fn a_call_of_a_permit_that_unwinds_counts_as_failed() {
    let breaker = Breaker::new(CONFIG, WithSlow::<ShortWindow>::default(), || 0);
    let permit = breaker.try_acquire().unwrap();
    let unwinding =
        || permit.call_classified(|| -> Result<(), ()> { panic!() }, |_| Outcome::Success);
    assert!(catch_unwind(AssertUnwindSafe(unwinding)).is_err());
    assert_eq!(breaker.tally(), Tally { calls: 1, failed: 1, slow: 0, level: 0 });
}

#[test]
fn an_error_tells_whether_the_call_was_made() {
    let breaker = Breaker::new(CONFIG, WithSlow::<ShortWindow>::default(), ManualClock::new(0));
    let failed = breaker.call(|| Err::<(), _>("no answer")).unwrap_err();
    assert!(!failed.is_rejected() && failed.rejected().is_none());
    assert_eq!(failed.into_failed(), Some("no answer"));
    breaker.trip();
    let refused = breaker.call(|| Err::<(), _>("no answer")).unwrap_err();
    assert!(refused.is_rejected() && refused.rejected().is_some());
    assert_eq!(refused.into_failed(), None);
}

#[test]
fn a_permit_may_end_as_one_that_says_nothing() {
    let counted = Breaker::observed(
        CONFIG,
        WithSlow::<ShortWindow>::default(),
        ManualClock::new(0),
        microbreaker::Counters::new(),
    );
    counted.try_acquire().unwrap().ignore();
    assert_eq!(counted.observer().counts().ignored, 1);
    assert_eq!(counted.tally(), Tally::default());
}

#[test]
fn a_call_that_is_ignored_is_not_abandoned() {
    let breaker = Breaker::new(
        CONFIG.abandoned_fails(),
        WithSlow::<ShortWindow>::default(),
        ManualClock::new(0),
    );
    breaker.try_acquire().unwrap().ignore();
    assert_eq!(breaker.tally().calls, 0);
    drop(breaker.try_acquire().unwrap());
    assert_eq!((breaker.tally().calls, breaker.tally().failed), (1, 1));
}
