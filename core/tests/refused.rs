//! Every value that cannot work is refused at run time, and its neighbour is
//! accepted. `src/config/refused.md` shows that the same values are compile errors
//! in constants.

use std::error::Error;

use microbreaker::{
    Breaker, Config, ConfigError, CountWindow, FailureWindow, Leak, LeakyBucket, Throttle,
    ThrottleConfig, TimeWindow, WithSlow, clock::ManualClock, config::Field, window::Window,
};

static CLOCK: ManualClock = ManualClock::new(0);

type Last20 = CountWindow<3>;
type Slow20 = WithSlow<Last20>;
const MAX_TICKS: u32 = (1 << 31) - 1;

/// Counts failures in a row: needs no window.
const ROW: Config = Config::new().consecutive_failures(3).open_for(500);
/// Counts in a window of the last 10.
const LAST: Config = Config::new().failures_in_window(3).last_calls(10).open_for(500);
/// Counts in a time-based window.
const LATELY: Config = Config::new().failures_in_window(3).bucket(10).open_for(500);

/// Asserts that `good` is accepted and that `bad` is refused because `field` is
/// `value`, which is not `least` to `most`. Returns the error, so that its text can be
/// checked.
fn refused<W: Window>(
    window: fn() -> W,
    good: Config,
    bad: Config,
    (field, value, least, most): (Field, u32, u32, u32),
) -> ConfigError {
    assert_eq!(good.check::<W>(), Ok(()));
    assert!(Breaker::try_new(good, window(), &CLOCK, ()).is_ok());

    let error = bad.check::<W>().unwrap_err();
    let ConfigError { field: f, value: v, least: l, most: m, .. } = error;
    assert_eq!((f, v, l, m), (field, value, least, most));
    assert_eq!(Breaker::try_new(bad, window(), &CLOCK, ()).err(), Some(error));
    error
}

/// Asserts the same just outside and just inside both of a field's bounds, `least` and
/// `most`.
fn bounds<W: Window>(
    window: fn() -> W,
    with: fn(u32) -> Config,
    field: Field,
    (least, most): (u32, u32),
) {
    for (good, bad) in [(least, least - 1), (most, most + 1)] {
        let error = refused(window, with(good), with(bad), (field, bad, least, most));
        let expected = format!("{} is {bad}, but must be {least} to {most}", field.name());
        let window = error.window.map(|window| format!(" in a {window}"));
        assert_eq!(error.to_string(), expected + &window.unwrap_or_default());
        let of_window = matches!(field, Field::LastCalls | Field::Bucket);
        assert_eq!(error.window, of_window.then_some(W::NAME));
        assert!(error.source().is_none());
    }
}

fn no_window() {}

#[test]
fn consecutive_failures() {
    let with = |count| ROW.consecutive_failures(count);
    bounds(no_window, with, Field::ConsecutiveFailures, (1, 255));
}

#[test]
fn failures_in_window() {
    let with = |count| LAST.failures_in_window(count);
    bounds(Last20::new, with, Field::FailuresInWindow, (1, 10));
    let with = |count| LATELY.failures_in_window(count);
    bounds(TimeWindow::<4>::new, with, Field::FailuresInWindow, (1, 512));
    bounds(FailureWindow::<4>::new, with, Field::FailuresInWindow, (1, 512));
}

#[test]
fn failure_rate() {
    let with = |percent| LAST.failure_rate(percent);
    bounds(Last20::new, with, Field::FailureRate, (1, 100));
    let with = |percent| LATELY.failure_rate(percent);
    bounds(TimeWindow::<4>::new, with, Field::FailureRate, (1, 100));
    let no_calls = (Field::FailureRate, 50, 1, 0);
    refused(FailureWindow::<4>::new, LATELY, LATELY.failure_rate(50), no_calls);
}

#[test]
fn slow_rate() {
    let with = |percent| LAST.slow_after(5).slow_rate(percent);
    bounds(Slow20::default, with, Field::SlowRate, (1, 100));
    refused(Last20::new, LAST, with(50), (Field::SlowRate, 50, 1, 0));
    let of_failures = WithSlow::<FailureWindow<4>>::default;
    refused(of_failures, LATELY, LATELY.slow_after(5).slow_rate(50), (Field::SlowRate, 50, 1, 0));
}

#[test]
fn slow_after() {
    let with = |ticks| LAST.slow_rate(50).slow_after(ticks);
    let too_long = (Field::SlowAfter, MAX_TICKS + 1, 0, MAX_TICKS);
    let too_long = refused(Slow20::default, with(MAX_TICKS), with(MAX_TICKS + 1), too_long);
    let range = "slow_after is 2147483648, but must be 0 to 2147483647";
    assert_eq!(too_long.to_string(), range);
    let missing = (Field::SlowAfter, u32::MAX, 0, MAX_TICKS);
    let missing = refused(Slow20::default, with(0), LAST.slow_rate(50), missing);
    let alone = (Field::SlowAfter, 5, 1, 0);
    let alone = refused(Slow20::default, LAST, LAST.slow_after(5), alone);
    for error in [missing, alone] {
        assert_eq!(
            error.to_string(),
            "slow_after must be 0 to 2^31 - 1 (ticks), together with slow_rate"
        );
    }
}

#[test]
fn a_setting_that_needs_another() {
    let bad = (Field::AbandonedByTime, 1, 1, 0);
    let timed = LAST.slow_rate(50).slow_after(5).abandoned_by_time();
    let error = refused(Slow20::default, timed, LAST.abandoned_by_time(), bad);
    assert_eq!(error.to_string(), "abandoned_by_time needs slow_after");

    let bad = (Field::ConsecutiveWithinWindow, 1, 1, 0);
    let needs = "consecutive_within_window needs consecutive_failures, and a TimeWindow or \
                 FailureWindow";
    let (good, within) =
        (LATELY.consecutive_failures(3), Config::consecutive_within_window as fn(_) -> _);
    let error = refused(TimeWindow::<4>::new, within(good), within(LATELY), bad);
    assert_eq!(error.to_string(), needs);
    let error = refused(Last20::new, LAST, within(LAST.consecutive_failures(3)), bad);
    assert_eq!(error.to_string(), needs);
}

#[test]
fn min_calls() {
    bounds(Last20::new, |count| LAST.min_calls(count), Field::MinCalls, (1, 10));
    let with = |count| LATELY.min_calls(count);
    bounds(TimeWindow::<4>::new, with, Field::MinCalls, (1, 512));
    bounds(FailureWindow::<4>::new, with, Field::MinCalls, (1, 1));
}

#[test]
fn last_calls() {
    let with = |count| Config::new().failure_rate(50).open_for(500).last_calls(count);
    bounds(Last20::new, with, Field::LastCalls, (1, 20));
    bounds(CountWindow::<4>::new, with, Field::LastCalls, (1, 40));
    bounds(CountWindow::<64>::new, with, Field::LastCalls, (1, 62 * 20));
}

#[test]
fn bucket() {
    let with = |ticks| LATELY.bucket(ticks);
    bounds(TimeWindow::<1>::new, with, Field::Bucket, (1, MAX_TICKS));
    bounds(FailureWindow::<4>::new, with, Field::Bucket, (1, MAX_TICKS / 4));
}

#[test]
fn open_for() {
    bounds(no_window, |ticks| ROW.open_for(ticks), Field::OpenFor, (1, MAX_TICKS));
}

#[test]
fn backoff_factor() {
    let with = |factor| ROW.backoff(factor, 1_000);
    refused(no_window, with(2), with(1), (Field::BackoffFactor, 1, 2, u32::MAX));
    assert_eq!(with(u32::MAX).check::<()>(), Ok(()));
    let ratio = |part, whole| ROW.backoff_ratio(part, whole, 500);
    let factor = Field::BackoffFactor;
    refused(no_window, ratio(3, 2), ratio(3, 0), (factor, 0, 1, 65_534));
    refused(no_window, ratio(3, 2), ratio(65_536, 2), (factor, 65_536, 3, 65_535));
    refused(no_window, ratio(65_535, 65_534), ratio(65_536, 65_535), (factor, 65_535, 1, 65_534));
}

#[test]
fn backoff_max() {
    let with = |max| ROW.backoff(2, max);
    bounds(no_window, with, Field::BackoffMax, (500, 500 << 15));
    bounds(no_window, |max| ROW.backoff(10, max), Field::BackoffMax, (500, MAX_TICKS));
}

#[test]
fn jitter() {
    bounds(no_window, |percent| ROW.jitter(percent, 0), Field::Jitter, (1, 100));
}

#[test]
fn probes() {
    bounds(no_window, |count| ROW.probes(count), Field::Probes, (1, 31));
    let with = |count| LAST.failure_rate(50).probe_rate_after(1).probes(count);
    bounds(Last20::new, with, Field::Probes, (1, 15));
}

#[test]
fn reuse_probes_until() {
    let with = |count| ROW.reuse_probes_until(count);
    bounds(no_window, with, Field::ReuseProbesUntil, (1, 31));
    let with = |count| LAST.failure_rate(50).probe_rate_after(1).reuse_probes_until(count);
    bounds(Last20::new, with, Field::ReuseProbesUntil, (1, 15));
}

#[test]
fn successes() {
    bounds(no_window, |count| ROW.probes(4).successes(count), Field::Successes, (1, 4));
    let with = |count| ROW.reuse_probes_until(7).successes(count);
    bounds(no_window, with, Field::Successes, (1, 7));
}

#[test]
fn probe_rate_after() {
    let with = |count| LAST.failure_rate(50).probes(4).probe_rate_after(count);
    bounds(Last20::new, with, Field::ProbeRateAfter, (1, 4));
    let slow = |count| LAST.slow_rate(50).slow_after(5).probes(4).probe_rate_after(count);
    bounds(Slow20::default, slow, Field::ProbeRateAfter, (1, 4));
    let good = LAST.failure_rate(50).probe_rate_after(1);
    refused(Last20::new, good, LAST.probe_rate_after(1), (Field::ProbeRateAfter, 1, 1, 0));
}

#[test]
fn probe_timeout() {
    let with = |ticks| ROW.probe_timeout(ticks);
    bounds(no_window, with, Field::ProbeTimeout, (1, 1 << 30));
}

#[test]
fn ramp_share() {
    let with = |share: u32| ROW.ramp([share as u8], 10);
    bounds(no_window, with, Field::RampShare, (1, 99));
    let with = |share: u32| ROW.ramp([1, 1, 2, 3, 5, 8, share as u8], 10);
    bounds(no_window, with, Field::RampShare, (8, 99));
}

#[test]
fn ramp_step() {
    bounds(no_window, |ticks| ROW.ramp([50], ticks), Field::RampStep, (1, MAX_TICKS / 7));
}

#[test]
fn a_required_setting_is_missing() {
    let error = refused(no_window, ROW, Config::new().open_for(500), (Field::Policies, 0, 1, 5));
    assert!(error.to_string().ends_with(
        "include consecutive_failures, failures_in_window, failure_rate, \
             slow_rate or leaky_bucket"
    ));
    let wait = Config::new().consecutive_failures(3);
    let error = refused(no_window, ROW, wait, (Field::OpenFor, 0, 1, MAX_TICKS));
    assert_eq!(error.to_string(), "open_for is 0, but must be 1 to 2147483647");
}

#[test]
fn a_window_policy_without_last_calls() {
    for policy in [Config::new().failures_in_window(1), Config::new().failure_rate(50)] {
        let bad = policy.open_for(500);
        let error = refused(Last20::new, bad.last_calls(1), bad, (Field::LastCalls, 0, 1, 20));
        assert_eq!(error.to_string(), "last_calls is 0, but must be 1 to 20 in a CountWindow");
    }
}

#[test]
fn a_window_policy_without_a_window() {
    let error = refused(no_window, ROW, LAST, (Field::LastCalls, 10, 1, 0));
    let no_window = "no window remembers calls: failures_in_window, failure_rate, slow_rate and a \
                     Throttle need one that does";
    assert_eq!(error.to_string(), no_window);
    let rate = Config::new().leaky_bucket(Leak::new(1, 1, 1)).failure_rate(5).open_for(500);
    assert_eq!(rate.check::<LeakyBucket>().unwrap_err().to_string(), no_window);
    let throttle = ThrottleConfig::new(1);
    assert_eq!(throttle.check::<()>().unwrap_err().to_string(), no_window);
    assert_eq!(throttle.check::<FailureWindow<3>>().unwrap_err().to_string(), no_window);
}

#[test]
fn last_calls_without_a_window_even_if_no_policy_needs_them() {
    let error = refused(no_window, ROW, ROW.last_calls(10), (Field::LastCalls, 10, 0, 0));
    assert_eq!(
        error.to_string(),
        "last_calls is 10, but the breaker's window does not use it: leave it out"
    );
    assert_eq!(ROW.last_calls(10).check::<Last20>(), Ok(()), "they can be tallied");
}

#[test]
fn a_length_that_the_window_does_not_use() {
    refused(no_window, ROW, ROW.bucket(10), (Field::Bucket, 10, 0, 0));
    refused(Last20::new, LAST, LAST.bucket(10), (Field::Bucket, 10, 0, 0));
    let no_calls = (Field::LastCalls, 10, 0, 0);
    refused(TimeWindow::<4>::new, LATELY, LATELY.last_calls(10), no_calls);
}

#[test]
fn the_first_of_several_mistakes_is_named() {
    let error = ROW.open_for(0).probes(0).check::<()>().unwrap_err();
    assert_eq!(error.field, Field::OpenFor);
}

#[test]
fn throttles() {
    fn refused<W: Window + Default>(
        with: impl Fn(u32) -> ThrottleConfig,
        field: Field,
        (least, most): (u32, u32),
    ) {
        for good in [least, most] {
            assert_eq!(with(good).check::<W>(), Ok(()));
            assert!(Throttle::try_new(with(good), W::default(), &CLOCK, ()).is_ok());
        }
        for bad in [least - 1, most + 1] {
            let error = with(bad).check::<W>().unwrap_err();
            let ConfigError { field: f, value, least: l, most: m, .. } = error;
            assert_eq!((f, value, l, m), (field, bad, least, most));
            assert_eq!(Throttle::try_new(with(bad), W::default(), &CLOCK, ()).err(), Some(error));
        }
    }
    let config = ThrottleConfig::new(0).last_calls(10);
    refused::<Last20>(|x| config.multiplier_tenths(x), Field::Multiplier, (10, 1_000));
    refused::<Last20>(|x| config.cap(x), Field::Cap, (1, 99));
    refused::<Last20>(|x| config.last_calls(x), Field::LastCalls, (1, 20));
    let config = ThrottleConfig::new(0);
    refused::<TimeWindow<4>>(|x| config.bucket(x), Field::Bucket, (1, MAX_TICKS / 4));

    fn no_calls<W: Window>() {
        let config = ThrottleConfig::new(0).last_calls(10).bucket(10);
        let error = config.check::<W>().unwrap_err();
        assert_eq!((error.field, error.least, error.most), (Field::LastCalls, 1, 0));
    }
    no_calls::<()>();
    no_calls::<FailureWindow<4>>();
}

#[test]
#[should_panic(expected = "bad ThrottleConfig")]
fn throttle_panics_at_run_time() {
    let _ = Throttle::new(ThrottleConfig::new(0), Last20::new(), &CLOCK);
}

#[test]
#[should_panic(expected = "bad Config: probes must be 1 to 31")]
fn new_panics_at_run_time() {
    let _ = Breaker::new(ROW.probes(32), (), &CLOCK);
}

#[test]
#[should_panic(expected = "bad Config: failure_rate must be 1 to 100 (percent)")]
fn observed_panics_at_run_time() {
    let _ = Breaker::observed(LAST.failure_rate(101), Last20::new(), &CLOCK, ());
}

#[test]
#[should_panic(expected = "bad Config: last_calls must be 1 to what the window holds")]
fn in_flash_panics_at_run_time() {
    static TOO_MANY: Config = LAST.last_calls(21);
    let _ = Breaker::in_flash(&TOO_MANY, Last20::new(), &CLOCK, ());
}
