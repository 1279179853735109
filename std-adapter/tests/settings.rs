//! The settings that a builder accepts and refuses.

use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::{Abandoned, Leak};
use microbreaker_std::{Breaker, Builder, Outcome, Phase, Settings};

const SECOND: Duration = Duration::from_secs(1);

/// Valid settings.
fn good() -> Builder {
    Breaker::builder("users").consecutive_failures(3).open_for(SECOND)
}

fn refusal(builder: Builder) -> String {
    let error = builder.build().expect_err("these settings cannot work");
    let text = error.to_string();
    text.strip_prefix("circuit breaker \"users\": ").expect("errors name the breaker").to_owned()
}

#[test]
fn every_kind_of_window_can_be_chosen_at_run_time() {
    let windows: [fn(Builder) -> Builder; 10] = [
        |builder| builder,
        |builder| builder.failure_rate(100).last_calls(1_240),
        |builder| builder.failures_in_window(3).within(SECOND),
        |builder| builder.failure_rate(100).within(SECOND),
        |builder| builder.failure_ratio(1, 2).within(SECOND),
        |builder| builder.slow_ratio(1, 2).slow_after(SECOND).within(SECOND),
        |builder| builder.failure_rate(100).within(SECOND).striped(true),
        |builder| builder.slow_rate(100).slow_after(SECOND).last_calls(4),
        |builder| builder.slow_rate(100).slow_after(SECOND).within(SECOND).striped(true),
        |builder| builder.slow_rate(100).slow_after(SECOND).within(SECOND).min_calls(2),
    ];
    let bucket = |builder: Builder| builder.leaky_bucket(Leak::new(1, 1, 100));
    for window in windows {
        for builder in [window(good()), bucket(window(good()))] {
            let breaker = builder.build().unwrap();
            for _ in 0..3 {
                assert!(breaker.call(|| Err::<(), _>(())).is_err());
            }
            assert_eq!(breaker.phase(), Phase::Open);
        }
    }
}

#[test]
fn a_leaky_bucket_trips_when_it_is_full_and_weighs_failures() {
    let leak = Leak::designed(0.01, 0.5, 1e9);
    let builder = Breaker::builder("users").leaky_bucket(leak).open_for(SECOND);
    let breaker = builder.build().unwrap();
    breaker.try_acquire().unwrap().finish(Outcome::WeightedFailure(2));
    assert_eq!(breaker.snapshot().tally.level, 2 * leak.up());
    for _ in 0..leak.limit().div_ceil(leak.up()) - 2 {
        assert_eq!(breaker.phase(), Phase::Closed);
        assert!(breaker.call(|| Err::<(), _>(())).is_err());
    }
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn a_success_lowers_the_bucket_beside_every_kind_of_window() {
    let windows: [fn(Builder) -> Builder; 4] = [
        |builder| builder,
        |builder| builder.failure_rate(100).min_calls(9).last_calls(9),
        |builder| builder.failures_in_window(9).within(SECOND),
        |builder| builder.failure_rate(100).min_calls(9).within(SECOND),
    ];
    for window in windows {
        let breaker = window(good().leaky_bucket(Leak::new(10, 1, 100))).build().unwrap();
        let level = || breaker.snapshot().tally.level;
        assert!(breaker.call(|| Err::<(), _>(())).is_err());
        for left in (0..10).rev() {
            breaker.call(|| Ok::<_, ()>(())).unwrap();
            assert_eq!(level(), left);
        }
        breaker.call(|| Ok::<_, ()>(())).unwrap();
        assert_eq!(level(), 0);
    }
}

/// A breaker tells as many apart as its generation has numbers: 256.
#[test]
fn what_many_tenures_ago_was_counted_is_forgotten() {
    for in_bucket in [false, true] {
        let builder = good().failures_in_window(2).last_calls(9);
        let bucket = |builder: Builder| builder.leaky_bucket(Leak::new(10, 1, 15));
        let builder = if in_bucket { bucket(builder) } else { builder };
        let breaker = builder.build().unwrap();
        assert!(breaker.call(|| Err::<(), _>(())).is_err());
        for _ in 0..1_024 {
            breaker.reset();
            let tally = breaker.snapshot().tally;
            assert_eq!((tally.calls, tally.failed, tally.level), (0, 0, 0));
        }
    }
}

#[test]
fn a_leaky_bucket_that_cannot_work_is_refused() {
    let leaky = |up, down, limit| good().leaky_bucket(Leak::new(up, down, limit));
    assert!(leaky(14, 1, 100).build().is_ok(), "beside failures in a row");
    let refused = [
        (leaky(14, 1, 0), "leaky_bucket.limit is 0, but must be 1 to 8388607"),
        (leaky(101, 1, 100), "leaky_bucket.up is 101, but must be 1 to 100"),
        (leaky(14, 0, 100), "leaky_bucket.down is 0, but must be 1 to 100"),
    ];
    for (builder, text) in refused {
        assert_eq!(refusal(builder), text);
    }
}

#[test]
fn failures_in_a_row_age_only_if_so_configured() {
    let windows: [fn(Builder) -> Builder; 2] =
        [|builder| builder, |builder| builder.failure_rate(100).min_calls(50)];
    for window in windows {
        for (ages, phase) in [(false, Phase::Open), (true, Phase::Closed)] {
            let clock = PausedClock::new();
            let builder = window(good().within(SECOND)).clock(clock.clone());
            let breaker = builder.consecutive_within_window(ages).build().unwrap();
            let fail = || assert!(breaker.call(|| Err::<(), _>(())).is_err());
            for _ in 0..3 {
                clock.advance(SECOND);
                fail();
            }
            assert_eq!(breaker.phase(), phase, "they age: {ages}");
            if ages {
                fail();
                fail();
                assert_eq!(breaker.phase(), Phase::Open);
            }
        }
    }
}

/// A window that holds failures alone does not know how many calls there were.
#[test]
fn failures_in_a_window_by_time_may_ask_for_calls() {
    let builder = Breaker::builder("users").failures_in_window(2).min_calls(4).open_for(SECOND);
    let breaker = builder.within(SECOND).build().unwrap();
    for _ in 0..2 {
        breaker.call(|| Ok::<_, ()>(())).unwrap();
        assert_eq!(breaker.phase(), Phase::Closed);
        assert!(breaker.call(|| Err::<(), _>(())).is_err());
    }
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn a_ramp_has_up_to_seven_shares() {
    for count in 1..=7 {
        let shares: Vec<u8> = (1..=count).map(|share| 10 * share).collect();
        let breaker = good().ramp(shares.clone(), SECOND).build().unwrap();
        assert_eq!(breaker.settings().ramp.as_ref().unwrap().shares, shares);
    }
}

#[test]
fn settings_differ_from_a_reference_to_others() {
    let one = Settings { probes: Some(1), ..Settings::default() };
    let other = Settings { probes: Some(2), ..Settings::default() };
    assert_eq!(one, &one.clone());
    assert_ne!(one, &other);
}

#[test]
fn a_rate_takes_the_place_of_the_ratio_that_says_the_same() {
    let ratio = Some((1, 2));
    let ratios = Settings { failure_ratio: ratio, slow_ratio: ratio, ..Settings::default() };
    let rates = Settings { failure_rate: Some(9), slow_rate: Some(9), ..Settings::default() };
    assert_eq!(rates.over(&ratios), rates);
    assert_eq!(ratios.over(&rates), ratios);
}

#[test]
fn the_wait_grows_by_a_factor_that_is_no_whole_number() {
    let clock = PausedClock::new();
    let breaker = good().backoff(1.5, 3 * SECOND).clock(clock.clone()).build().unwrap();
    breaker.trip();
    for millis in [1_000, 1_500, 2_250, 3_000, 3_000] {
        let wait = Duration::from_millis(millis);
        assert_eq!(breaker.snapshot().retry_after, Some(wait));
        clock.advance(wait);
        assert!(breaker.call(|| Err::<(), _>(())).is_err());
    }
}

#[test]
fn invalid_settings_are_refused_with_their_value_and_the_allowed_ones() {
    let cases: [(Builder, &str); 38] = [
        (
            Breaker::builder("users").open_for(SECOND),
            "policies is empty, but must be at least one of consecutive_failures, \
             failures_in_window, failure_rate, slow_rate, leaky_bucket",
        ),
        (
            Breaker::builder("users").consecutive_failures(3),
            "open_for is not set, but must be 1ms to 2147483.647s",
        ),
        (
            good().open_for(Duration::from_secs(1 << 40)),
            "open_for is 1099511627776s, but must be 1ms to 2147483.647s",
        ),
        (good().consecutive_failures(256), "consecutive_failures is 256, but must be 1 to 255"),
        (
            good().failure_rate(50),
            "failure_rate is 50, but must be set together with a window: last_calls or within",
        ),
        (good().failure_rate(101).last_calls(9), "failure_rate is 101, but must be 1 to 100"),
        (
            good().failure_ratio(1, 2_000),
            "failure_ratio is [1, 2000], but must be set together with a window: last_calls or \
             within",
        ),
        (
            good().failure_ratio(3, 2).last_calls(9),
            "failure_ratio is [3, 2], but must be [part, whole] where part is 1 to whole",
        ),
        (
            good().slow_ratio(0, 2).slow_after(SECOND).last_calls(9),
            "slow_ratio is [0, 2], but must be [part, whole] where part is 1 to whole",
        ),
        (
            good().failure_ratio(1, 2_000).failure_rate(5).last_calls(9),
            "failure_ratio is [1, 2000], but must be left out where failure_rate is set: they \
             are one policy",
        ),
        (
            good().slow_rate(5).slow_ratio(1, 2_000).slow_after(SECOND).last_calls(9),
            "slow_ratio is [1, 2000], but must be left out where slow_rate is set: they are one \
             policy",
        ),
        (
            good().last_calls(9).slow_ratio(1, 2),
            "slow_after is not set, but must be 0ns to 2147483.647s, together with slow_ratio",
        ),
        (
            good().consecutive_within_window(true).last_calls(9),
            "consecutive_within_window is true, but must be left out where there is no \
             consecutive_failures, or no window by time: within",
        ),
        (
            good().longest_half_open(Duration::ZERO),
            "longest_half_open is 0ns, but must be 1ms to 8323.071s",
        ),
        (
            good().abandoned(Abandoned::ByTime),
            "abandoned is \"by_time\", but must be \"ignored\" or \"failed\" where there is no \
             slow_after",
        ),
        (good().last_calls(1_241), "last_calls is 1241, but must be 1 to 1240"),
        (good().within(Duration::ZERO), "within is 0ns, but must be 10ms to 2147483.64s"),
        (
            good().within(SECOND).last_calls(9),
            "within is 1s, but must be left out where last_calls is set: there is one window",
        ),
        (
            good().last_calls(9).striped(true),
            "striped is true, but must be left out where the window is not by time: within",
        ),
        (good().last_calls(9).min_calls(10), "min_calls is 10, but must be 1 to 9"),
        (
            good().last_calls(9).slow_rate(50),
            "slow_after is not set, but must be 0ns to 2147483.647s, together with slow_rate",
        ),
        (
            good().last_calls(9).slow_after(SECOND),
            "slow_after is 1s, but must be left out where there is no slow_rate",
        ),
        (
            good().backoff(2, Duration::from_millis(1)),
            "backoff.max is 1ms, but must be 1s to 32768s",
        ),
        (
            good().backoff(1, SECOND),
            "backoff.factor is 1, but must be 1.001 to 65.535, or a whole number above 1",
        ),
        (
            good().failures_in_window(3),
            "failures_in_window is 3, but must be set together with a window: last_calls or \
             within",
        ),
        (
            good().slow_rate(5).slow_after(SECOND),
            "slow_rate is 5, but must be set together with a window: last_calls or within",
        ),
        (good().failures_in_window(0).last_calls(9), "failures_in_window is 0, but must be 1 to 9"),
        (
            good().slow_rate(101).slow_after(SECOND).last_calls(9),
            "slow_rate is 101, but must be 1 to 100",
        ),
        (
            good().failure_rate(50).last_calls(9).probe_rate_after(0),
            "probe_rate_after is 0, but must be 1 to 1",
        ),
        (good().jitter(101), "jitter is 101, but must be 1 to 100"),
        (
            good().reuse_probes_until(u32::MAX),
            "reuse_probes_until is 4294967295, but must be 1 to 31",
        ),
        (
            good().probe_timeout(Duration::ZERO),
            "probe_timeout is 0ns, but must be 1ms to 1073741.824s",
        ),
        (
            good().ramp([50, 40], SECOND),
            "ramp.shares is [50, 40], but must be 1 to 99 percent each, none \
             smaller than the one before",
        ),
        (
            good().ramp([100], SECOND),
            "ramp.shares is [100], but must be 1 to 99 percent each, none \
             smaller than the one before",
        ),
        (good().ramp([50], Duration::ZERO), "ramp.step is 0ns, but must be 1ms to 306783.378s"),
        (
            good().ramp([10; 8], SECOND),
            "ramp.shares is [10, 10, 10, 10, 10, 10, 10, 10], but must be 1 to 7 shares",
        ),
        (good().ramp([], SECOND), "ramp.shares is [], but must be 1 to 7 shares"),
        (
            good().probe_rate_after(1),
            "probe_rate_after is 1, but must be left out where there is no failure_rate and no \
             slow_rate",
        ),
    ];
    for (builder, complaint) in cases {
        assert_eq!(refusal(builder), complaint);
    }
}
