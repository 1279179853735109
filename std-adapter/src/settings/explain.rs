//! Errors of the core, explained in terms of settings.

use std::time::Duration;

use microbreaker::{ConfigError, Leak, config::Field};

use super::error::SettingError;
use super::{BUCKETS, ProbeTimeout, Settings};

/// What a ratio may be.
const RATIO: &str = "[part, whole] where part is 1 to whole";

impl Settings {
    /// The setting behind an error of the core, and what it allows.
    pub(crate) fn explain(&self, error: ConfigError) -> SettingError {
        let time = |ticks: u32| format!("{:?}", Duration::from_millis(ticks.into()));
        let ConfigError { field, least, most, .. } = error;
        let between = |least: String, most: String| format!("{least} to {most}");
        let allowed = match field {
            Field::Policies => "at least one of consecutive_failures, failures_in_window, \
                                failure_rate, slow_rate, leaky_bucket"
                .to_owned(),
            Field::ConsecutiveWithinWindow => {
                "left out where there is no consecutive_failures, or no window by time: within"
                    .to_owned()
            }
            Field::FailureRate if self.failure_ratio.is_some() => RATIO.to_owned(),
            Field::SlowRate if self.slow_ratio.is_some() => RATIO.to_owned(),
            Field::Bucket => between(time(BUCKETS * least), time(most.saturating_mul(BUCKETS))),
            Field::BackoffMax
            | Field::RampStep
            | Field::OpenFor
            | Field::ProbeTimeout
            | Field::LongestHalfOpen => between(time(least), time(most)),
            Field::SlowAfter if most > 0 => {
                let rate = self.setting_of(Field::SlowRate);
                format!("{}, together with {rate}", between(time(least), time(most)))
            }
            Field::SlowAfter => "left out where there is no slow_rate".to_owned(),
            Field::BackoffFactor => "1.001 to 65.535, or a whole number above 1".to_owned(),
            Field::RampShare => "1 to 99 percent each, none smaller than the one before".to_owned(),
            Field::ProbeRateAfter if most < least => {
                "left out where there is no failure_rate and no slow_rate".to_owned()
            }
            Field::AbandonedByTime => {
                "\"ignored\" or \"failed\" where there is no slow_after".to_owned()
            }
            _ => between(least.to_string(), most.to_string()),
        };
        self.refuse(field, allowed)
    }

    /// The error for the setting behind `field` of the core.
    pub(super) fn refuse(&self, field: Field, allowed: impl Into<String>) -> SettingError {
        let (setting, value) = (self.setting_of(field), self.value_of(field));
        SettingError { setting, value, allowed: allowed.into() }
    }

    fn setting_of(&self, field: Field) -> &'static str {
        match field {
            Field::FailureRate if self.failure_ratio.is_some() => "failure_ratio",
            Field::SlowRate if self.slow_ratio.is_some() => "slow_ratio",
            Field::Bucket => "within",
            Field::LeakUp => "leaky_bucket.up",
            Field::LeakDown => "leaky_bucket.down",
            Field::LeakLimit => "leaky_bucket.limit",
            Field::BackoffFactor => "backoff.factor",
            Field::BackoffMax => "backoff.max",
            Field::RampShare => "ramp.shares",
            Field::RampStep => "ramp.step",
            Field::AbandonedByTime => "abandoned",
            _ => field.name(),
        }
    }

    /// The value of `field`, as it was set.
    fn value_of(&self, field: Field) -> String {
        let number = |value: Option<u32>| value.map(|value| value.to_string());
        let ratio =
            |value: Option<(u32, u32)>| value.map(|(part, whole)| format!("[{part}, {whole}]"));
        let time = |value: Option<Duration>| value.map(|value| format!("{value:?}"));
        let value = match field {
            Field::Policies => Some("empty".to_owned()),
            Field::ConsecutiveFailures => number(self.consecutive_failures),
            Field::FailuresInWindow => number(self.failures_in_window),
            Field::ConsecutiveWithinWindow => {
                self.consecutive_within_window.map(|within| within.to_string())
            }
            Field::FailureRate => ratio(self.failure_ratio).or(number(self.failure_rate)),
            Field::SlowRate => ratio(self.slow_ratio).or(number(self.slow_rate)),
            Field::LeakUp => number(self.leaky_bucket.map(Leak::up)),
            Field::LeakDown => number(self.leaky_bucket.map(Leak::down)),
            Field::LeakLimit => number(self.leaky_bucket.map(Leak::limit)),
            Field::SlowAfter => time(self.slow_after),
            Field::MinCalls => number(self.min_calls),
            Field::LastCalls => number(self.last_calls),
            Field::Bucket => time(self.within),
            Field::OpenFor => time(self.open_for),
            Field::BackoffFactor => self.backoff.map(|backoff| backoff.factor.to_string()),
            Field::BackoffMax => time(self.backoff.map(|backoff| backoff.max)),
            Field::Jitter => number(self.jitter),
            Field::Probes => number(self.probes),
            Field::ReuseProbesUntil => number(self.reuse_probes_until),
            Field::Successes => number(self.successes),
            Field::ProbeRateAfter => number(self.probe_rate_after),
            Field::ProbeTimeout => match self.probe_timeout {
                Some(ProbeTimeout::After(time)) => Some(format!("{time:?}")),
                _ => None,
            },
            Field::LongestHalfOpen => time(self.longest_half_open),
            Field::AbandonedByTime => Some("\"by_time\"".to_owned()),
            Field::RampShare => self.ramp.as_ref().map(|ramp| format!("{:?}", ramp.shares)),
            Field::RampStep => time(self.ramp.as_ref().map(|ramp| ramp.step)),
            _ => None,
        };
        value.unwrap_or_else(|| "not set".to_owned())
    }
}
