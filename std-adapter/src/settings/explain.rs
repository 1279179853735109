//! Errors of the core, explained in terms of settings.

use std::time::Duration;

use microbreaker::{ConfigError, config::Field};

use super::error::SettingError;
use super::{BUCKETS, ProbeTimeout, Settings};

impl Settings {
    /// The setting behind an error of the core, and what it allows.
    pub(crate) fn explain(&self, error: ConfigError) -> SettingError {
        let time = |ticks: u32| format!("{:?}", Duration::from_millis(ticks.into()));
        let ConfigError { field, least, most, .. } = error;
        let between = |least: String, most: String| format!("{least} to {most}");
        let (setting, allowed) = match field {
            Field::Policies => (
                "policies",
                "at least one of consecutive_failures, failures_in_window, failure_rate, \
                 slow_rate"
                    .to_owned(),
            ),
            Field::Bucket => {
                ("within", between(time(BUCKETS * least), time(most.saturating_mul(BUCKETS))))
            }
            Field::BackoffMax => ("backoff.max", between(time(least), time(most))),
            Field::RampStep => ("ramp.step", between(time(least), time(most))),
            Field::OpenFor | Field::ProbeTimeout => {
                (field.name(), between(time(least), time(most)))
            }
            Field::SlowAfter if most > 0 => (
                field.name(),
                format!("{}, together with slow_rate", between(time(least), time(most))),
            ),
            Field::SlowAfter => (field.name(), "left out where there is no slow_rate".to_owned()),
            Field::BackoffFactor => ("backoff.factor", "2 or more".to_owned()),
            Field::RampShare => {
                ("ramp.shares", "1 to 99 percent each, none smaller than the one before".to_owned())
            }
            Field::ProbeRateAfter if most < least => (
                field.name(),
                "left out where there is no failure_rate and no slow_rate".to_owned(),
            ),
            _ => (field.name(), between(least.to_string(), most.to_string())),
        };
        SettingError { setting, value: self.value_of(field), allowed }
    }

    /// The value of `field`, as it was set.
    pub(super) fn value_of(&self, field: Field) -> String {
        let number = |value: Option<u32>| value.map(|value| value.to_string());
        let time = |value: Option<Duration>| value.map(|value| format!("{value:?}"));
        let value = match field {
            Field::Policies => Some("empty".to_owned()),
            Field::ConsecutiveFailures => number(self.consecutive_failures),
            Field::FailuresInWindow => number(self.failures_in_window),
            Field::FailureRate => number(self.failure_rate),
            Field::SlowRate => number(self.slow_rate),
            Field::SlowAfter => time(self.slow_after),
            Field::MinCalls => number(self.min_calls),
            Field::LastCalls => number(self.last_calls),
            Field::Bucket => time(self.within),
            Field::OpenFor => time(self.open_for),
            Field::BackoffFactor => number(self.backoff.map(|backoff| backoff.factor)),
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
            Field::RampShare => self.ramp.as_ref().map(|ramp| format!("{:?}", ramp.shares)),
            Field::RampStep => time(self.ramp.as_ref().map(|ramp| ramp.step)),
            _ => None,
        };
        value.unwrap_or_else(|| "not set".to_owned())
    }
}

pub(super) fn field_name(field: Field) -> &'static str {
    if field == Field::Bucket { "within" } else { field.name() }
}
