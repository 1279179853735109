//! Settings mean exactly what they say.

use std::cell::RefCell;

use microbreaker::clock::ManualClock;
use microbreaker::{
    Breaker, Cause, Config, CountWindow, FailureWindow, Observer, Outcome, Phase, ShortWindow,
    TimeWindow, Token, WithSlow, window::Window,
};

#[test]
fn an_integer_that_was_never_a_token_does_not_become_one() {
    for accident in [0, 1, u32::MAX, u32::MAX - 1, 255, 1 << 31] {
        assert_eq!(Token::from_bits(accident), None, "{accident:#x}");
    }
    let breaker = Breaker::new(Config::new().consecutive_failures(1).open_for(1), (), || 0);
    let token = breaker.try_acquire().unwrap().into_token();
    assert_eq!(Token::from_bits(token.to_bits()), Some(token));
}

/// Every tenure in which a permit can be given, and no other.
#[test]
fn an_integer_is_a_token_only_if_it_is_of_a_phase_that_gives_permits() {
    let mark = {
        let breaker = Breaker::new(Config::new().consecutive_failures(1).open_for(1), (), || 0);
        breaker.try_acquire().unwrap().into_token().to_bits()
    };
    let is_token = |bits| Token::from_bits(mark | bits).is_some();
    for bits in 0..1 << 16 {
        let (phase, level, rest) = (bits & 7, bits >> 3 & 15, bits >> 15);
        let gives_permits = match phase {
            // Closed.
            0 => level == 0,
            // Half-open, disabled, a dry run.
            2 | 4 | 5 => true,
            _ => false,
        };
        assert_eq!(is_token(bits), rest == 0 && gives_permits, "{bits:#x}");
    }
}

#[test]
fn a_token_of_each_phase_that_gives_permits_is_one_again() {
    let clock = ManualClock::new(0);
    let config = Config::new().consecutive_failures(1).open_for(1).no_probe_timeout();
    let breaker = Breaker::new(config, (), &clock);
    let round_trip = || {
        let permit = breaker.try_acquire().expect("this phase gives permits");
        let token = permit.into_token();
        assert_eq!(Token::from_bits(token.to_bits()), Some(token), "{}", breaker.phase());
        breaker.resume(token)
    };
    for _ in 0..300 {
        round_trip().failure();
        for _ in 0..17 {
            clock.advance(1);
            round_trip().failure();
        }
        assert_eq!(breaker.snapshot().backoff_level, 15);
        breaker.disable();
        round_trip().success();
        breaker.metrics_only();
        round_trip().success();
        breaker.reset();
        round_trip().success();
    }
}

#[test]
fn a_permit_knows_whether_it_is_a_probe() {
    let clock = ManualClock::new(0);
    let breaker = Breaker::new(Config::new().consecutive_failures(1).open_for(5), (), &clock);
    assert!(!breaker.try_acquire().unwrap().is_probe());
    breaker.trip();
    clock.advance(5);
    let probe = breaker.try_acquire().unwrap();
    assert!(probe.is_probe());
    let token = probe.into_token();
    assert!(token.is_probe() && breaker.resume(token).is_probe());
}

#[test]
fn a_ratio_can_be_finer_than_a_percent() {
    let config = Config::new().failure_ratio(1, 2_000).min_calls(500).bucket(1_000).open_for(9);
    let calls_until_open = |successes: u32| {
        let breaker = Breaker::new(config, TimeWindow::<1>::new(), || 0);
        for _ in 0..successes {
            breaker.call(|| Ok::<_, ()>(())).unwrap();
        }
        let _ = breaker.call(|| Err::<(), _>(()));
        breaker.phase()
    };
    assert_eq!(calls_until_open(600), Phase::Open, "1 of 601");
    let whole = Config::new().failure_ratio(1, 700).min_calls(500).bucket(1_000).open_for(9);
    let breaker = Breaker::new(whole, TimeWindow::<1>::new(), || 0);
    for _ in 0..700 {
        breaker.call(|| Ok::<_, ()>(())).unwrap();
    }
    let _ = breaker.call(|| Err::<(), _>(()));
    assert_eq!(breaker.phase(), Phase::Closed, "1 of 701");
}

#[test]
fn ratios_that_cannot_be_met_are_refused() {
    let refused = |part, whole| {
        let config = Config::new().failure_ratio(part, whole).last_calls(9).open_for(1);
        config.check::<ShortWindow>().is_err()
    };
    assert!(refused(0, 5) && refused(6, 5) && refused(1, 0) && refused(0, 0));
    assert!(!refused(5, 5) && !refused(1, u32::MAX));
}

/// The lengths of the first openings.
fn openings(config: Config) -> Vec<u32> {
    let clock = ManualClock::new(0);
    let breaker = Breaker::new(config, (), &clock);
    let open = |_| {
        let _ = breaker.call(|| Err::<(), _>(()));
        let wait = breaker.snapshot().retry_after.expect("it is open");
        clock.advance(wait);
        wait
    };
    (0..6).map(open).collect()
}

#[test]
fn a_backoff_may_multiply_by_one_and_a_half() {
    let config = Config::new().consecutive_failures(1).open_for(1_000);
    let by_half = config.backoff_ratio(3, 2, 6_000);
    // 5,062.5 is rounded down.
    assert_eq!(openings(by_half), [1_000, 1_500, 2_250, 3_375, 5_062, 6_000]);
    // 1,562.5, 1,953.1, 2,441.4, 3,051.8: rounded once.
    let by_quarter = config.backoff_ratio(5, 4, 20_000);
    assert_eq!(openings(by_quarter), [1_000, 1_250, 1_562, 1_953, 2_441, 3_051]);
    // 16.7, 27.8, 46.3, 77.2, 128.6.
    let by_thirds = config.open_for(10).backoff_ratio(5, 3, 1_000);
    assert_eq!(openings(by_thirds), [10, 16, 27, 46, 77, 128]);
    // Few ticks grow too: 3.75, 4.7, 5.9, 7.3.
    let of_three = config.open_for(3).backoff_ratio(5, 4, 9);
    assert_eq!(openings(of_three), [3, 3, 4, 5, 7, 9]);
    assert_eq!(openings(config.backoff(2, 1 << 20)), openings(config.backoff_ratio(4, 2, 1 << 20)));
    let longest = config.backoff_ratio(65_535, 65_534, 1_010);
    assert!(longest.check::<()>().is_err(), "out of reach");
    for (part, whole) in [(1, 1), (2, 2), (2, 3), (3, 0), (65_536, 2), (70_000, 69_999)] {
        assert!(
            config.backoff_ratio(part, whole, 2_000).check::<()>().is_err(),
            "{part} / {whole}"
        );
    }
}

/// What a dry run reports, in order.
struct Reports(RefCell<Vec<Cause>>);

impl Observer for Reports {
    fn would_trip(&self, cause: Cause) {
        self.0.borrow_mut().push(cause);
    }
}

#[test]
fn a_dry_run_reports_each_policy_once_until_it_recovers() {
    let config = Config::new().failure_rate(50).slow_rate(50).slow_after(10).last_calls(4);
    let config = config.consecutive_failures(2).open_for(1);
    let window = WithSlow::new(ShortWindow::new(), ShortWindow::new());
    let reports = Reports(RefCell::default());
    let clock = ManualClock::new(0);
    let breaker = Breaker::observed(config, window, &clock, reports);
    breaker.metrics_only();
    let call = |outcome, took| breaker.try_acquire().unwrap().took(took).finish(outcome);
    let told = || breaker.observer().0.take();
    // Slow and failed at once: both policies.
    call(Outcome::Failure, 11);
    assert_eq!(told(), [Cause::FailureRate, Cause::SlowRate]);
    call(Outcome::Failure, 11);
    assert_eq!(told(), [Cause::ConsecutiveFailures], "the others are known");
    // The failure rate and the run of failures recover, the slow rate does not.
    for _ in 0..3 {
        call(Outcome::Success, 11);
    }
    assert_eq!(told(), []);
    call(Outcome::Failure, 11);
    assert_eq!(told(), []);
    call(Outcome::Failure, 0);
    assert_eq!(told(), [Cause::FailureRate, Cause::ConsecutiveFailures]);
}

fn abandons<W: Window>(config: Config, window: W, lasted: u32) -> (Phase, u32, u32) {
    let clock = ManualClock::new(0);
    let breaker = Breaker::new(config, window, &clock);
    let permit = breaker.try_acquire().unwrap();
    clock.advance(lasted);
    drop(permit);
    let tally = breaker.tally();
    (breaker.phase(), tally.calls, tally.slow)
}

#[test]
fn an_abandoned_call_may_count_by_how_long_it_lasted() {
    let config = Config::new().slow_rate(100).slow_after(20).min_calls(2).last_calls(4).open_for(5);
    let config = config.abandoned_by_time();
    let window = || WithSlow::new(CountWindow::<3>::new(), CountWindow::<3>::new());
    assert_eq!(abandons(config, window(), 20), (Phase::Closed, 0, 0), "not slow: neutral");
    assert_eq!(abandons(config, window(), 21), (Phase::Closed, 1, 1), "a slow call");
    let clock = ManualClock::new(0);
    let breaker = Breaker::new(config, window(), &clock);
    breaker.trip();
    clock.advance(5);
    let quick = breaker.try_acquire().unwrap();
    clock.advance(1);
    drop(quick);
    assert_eq!(breaker.phase(), Phase::HalfOpen, "neutral");
    let slow = breaker.try_acquire().unwrap().took(21);
    drop(slow);
    assert_eq!(breaker.phase(), Phase::Open, "a probe, failed");
    let untimed = Config::new().consecutive_failures(1).open_for(1).abandoned_by_time();
    assert!(untimed.check::<()>().is_err());
}

#[test]
fn a_dry_run_reports_a_policy_again_that_time_alone_has_ended() {
    fn reports<W: Window>(config: Config, window: W) -> usize {
        let clock = ManualClock::new(0);
        let reports = Reports(RefCell::default());
        let breaker = Breaker::observed(config.bucket(10).open_for(50), window, &clock, reports);
        breaker.metrics_only();
        for _ in 0..2 {
            breaker.try_acquire().unwrap().took(99).failure();
            breaker.try_acquire().unwrap().took(99).failure();
            clock.advance(1_000);
        }
        breaker.observer().0.borrow().len()
    }
    let config = Config::new();
    assert_eq!(reports(config.failure_rate(50), TimeWindow::<4>::new()), 2);
    assert_eq!(reports(config.failures_in_window(2), FailureWindow::<4>::new()), 2);
    let slow = WithSlow::<TimeWindow<4>>::default();
    assert_eq!(reports(config.slow_rate(50).slow_after(9), slow), 2);
    let in_a_row = config.consecutive_failures(2).consecutive_within_window();
    assert_eq!(reports(in_a_row, FailureWindow::<4>::new()), 2);
    assert_eq!(reports(config.consecutive_failures(2), FailureWindow::<4>::new()), 1, "for ever");
}

/// The largest values that are accepted, as their documentation says.
#[test]
fn values_are_accepted_up_to_their_bounds() {
    const TICKS: u32 = (1 << 31) - 1;
    type Setter = fn(Config, u32) -> Config;
    let bounds: [(Setter, u32); 13] = [
        (Config::consecutive_failures, 255),
        (Config::failure_rate, 100),
        (Config::slow_rate, 100),
        (Config::slow_after, TICKS),
        (Config::open_for, TICKS),
        (|config, max| config.backoff(2, max), 10 << 15),
        (|config, percent| config.jitter(percent, 7), 100),
        (Config::probes, 31),
        (Config::reuse_probes_until, 31),
        (|config, count| config.probes(31).successes(count), 31),
        (|config, count| config.probes(15).probe_rate_after(count), 15),
        (Config::probe_timeout, 1 << 30),
        (Config::longest_half_open, 8_323_071),
    ];
    let config = Config::new().failure_rate(50).slow_rate(50).slow_after(1);
    let config = config.last_calls(9).open_for(10);
    for (n, (set, most)) in bounds.into_iter().enumerate() {
        let check = |value| set(config, value).check::<WithSlow<CountWindow<3>>>();
        assert_eq!(check(most), Ok(()), "{n}");
        assert!(check(most + 1).is_err(), "{n}");
    }
}

#[test]
fn an_error_names_the_window_and_its_bound() {
    let config = Config::new().failure_rate(50).last_calls(100).open_for(1);
    let error = config.check::<ShortWindow>().unwrap_err();
    assert_eq!(error.to_string(), "last_calls is 100, but must be 1 to 23 in a ShortWindow");
    let error = config.check::<CountWindow<3>>().unwrap_err();
    assert_eq!(error.to_string(), "last_calls is 100, but must be 1 to 20 in a CountWindow");
}
