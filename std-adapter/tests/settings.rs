//! The settings that a builder accepts and refuses.

use std::time::Duration;

use microbreaker_std::{Breaker, Builder, Phase};

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
    let windows: [fn(Builder) -> Builder; 7] = [
        |builder| builder.failure_rate(100).last_calls(1_240),
        |builder| builder.failures_in_window(3).within(SECOND),
        |builder| builder.failure_rate(100).within(SECOND),
        |builder| builder.failure_rate(100).within(SECOND).striped(true),
        |builder| builder.slow_rate(100).slow_after(SECOND).last_calls(4),
        |builder| builder.slow_rate(100).slow_after(SECOND).within(SECOND).striped(true),
        |builder| builder.slow_rate(100).slow_after(SECOND).within(SECOND).min_calls(2),
    ];
    for window in windows {
        let breaker = window(good()).build().unwrap();
        for _ in 0..3 {
            assert!(breaker.call(|| Err::<(), _>(())).is_err());
        }
        assert_eq!(breaker.phase(), Phase::Open);
    }
}

#[test]
fn invalid_settings_are_refused_with_their_value_and_the_allowed_ones() {
    let cases: [(Builder, &str); 17] = [
        (
            Breaker::builder("users").open_for(SECOND),
            "policies is empty, but must be at least one of consecutive_failures, \
             failures_in_window, failure_rate, slow_rate",
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
        (good().backoff(1, SECOND), "backoff.factor is 1, but must be 2 or more"),
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
