//! What makes a breaker trip and how it recovers, in the terms of `std`.

mod error;
#[cfg(feature = "serde")]
mod file;

use std::time::Duration;

use microbreaker::{AfterProbeTimeout, Config};

pub use error::BadSetting;
#[cfg(feature = "serde")]
pub use file::{Configuration, ConfigurationError};

use crate::clock::millis;
use crate::engine::BUCKETS;

/// Hands the names of all settings to a macro.
macro_rules! all_settings {
    ($to:ident) => {
        $to! {
            consecutive_failures failures_in_window failure_rate slow_rate slow_after min_calls
            last_calls within striped open_for backoff jitter probes reuse_probes_until successes
            probe_rate_after probe_timeout after_probe_timeout ramp abandoned_fails
        }
    };
}

/// What makes a breaker trip and how it recovers: [`Builder`](crate::Builder)'s
/// settings as data, each named after its setter. What is `None` is not used,
/// or as the setter says by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[expect(missing_docs, reason = "each field is documented at the setter of its name")]
pub struct Settings {
    pub consecutive_failures: Option<u32>,
    pub failures_in_window: Option<u32>,
    pub failure_rate: Option<u32>,
    pub slow_rate: Option<u32>,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub slow_after: Option<Duration>,
    pub min_calls: Option<u32>,
    pub last_calls: Option<u32>,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub within: Option<Duration>,
    pub striped: Option<bool>,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub open_for: Option<Duration>,
    pub backoff: Option<Backoff>,
    pub jitter: Option<u32>,
    pub probes: Option<u32>,
    pub reuse_probes_until: Option<u32>,
    pub successes: Option<u32>,
    pub probe_rate_after: Option<u32>,
    pub probe_timeout: Option<ProbeTimeout>,
    pub after_probe_timeout: Option<AfterProbeTimeout>,
    pub ramp: Option<Ramp>,
    pub abandoned_fails: Option<bool>,
}

/// Longer waits after each failed recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Backoff {
    /// What each trip from half-open multiplies the wait by, 2 or more.
    pub factor: u32,
    /// The longest wait.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub max: Duration,
}

/// How long probes may take to settle it. In a file: a time, or `"never"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub enum ProbeTimeout {
    /// So long.
    After(Duration),
    /// For ever.
    Never,
}

#[cfg(feature = "serde")]
impl TryFrom<String> for ProbeTimeout {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self::Never);
        }
        let time = humantime_serde::re::humantime::parse_duration(&text);
        let not_a_time = |error| format!("{text:?} is neither \"never\" nor a time: {error}");
        time.map(Self::After).map_err(not_a_time)
    }
}

#[cfg(feature = "serde")]
impl From<ProbeTimeout> for String {
    fn from(timeout: ProbeTimeout) -> Self {
        match timeout {
            ProbeTimeout::Never => "never".to_owned(),
            ProbeTimeout::After(time) => {
                humantime_serde::re::humantime::format_duration(time).to_string()
            }
        }
    }
}

/// Closing gradually.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Ramp {
    /// The share of calls that is admitted in each step, 1 to 99 percent.
    pub shares: Vec<u8>,
    /// How long each step lasts.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub step: Duration,
}

/// The kind of window that settings need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    None,
    Count {
        slow: bool,
    },
    Time {
        slow: bool,
    },
    /// By time, with a stripe for each core.
    Striped {
        slow: bool,
    },
    Failures,
}

impl Settings {
    /// These, and `others` where nothing is set. The window is one setting: where
    /// one is set here, none is taken from `others`.
    #[must_use]
    pub fn over(&self, others: &Self) -> Self {
        let has_window = self.last_calls.is_some() || self.within.is_some();
        macro_rules! first {
            ($($field:ident)+) => {
                Self { $($field: self.$field.clone().or_else(|| others.$field.clone()),)+ }
            };
        }
        let mut first = all_settings!(first);
        if has_window {
            (first.last_calls, first.within) = (self.last_calls, self.within);
            first.striped = self.striped;
        }
        first
    }

    /// Whether a breaker can be made of them.
    #[cfg(feature = "serde")]
    pub(crate) fn check(&self) -> Result<(), BadSetting> {
        crate::breaker::builder::Builder::new("")
            .settings(self.clone())
            .build()
            .map(|_| ())
            .map_err(|error| error.bad)
    }

    /// Whether `setting`, named as in [`BadSetting`], is set.
    #[cfg(feature = "serde")]
    pub(crate) fn sets(&self, setting: &str) -> bool {
        let (group, _) = setting.split_once('.').unwrap_or((setting, ""));
        macro_rules! any {
            ($($field:ident)+) => {
                match group {
                    $(stringify!($field) => self.$field.is_some(),)+
                    _ => false,
                }
            };
        }
        all_settings!(any)
    }

    pub(crate) fn window(&self) -> Window {
        let slow = self.slow_rate.is_some() || self.slow_after.is_some();
        let failures_only =
            !slow && self.failure_rate.is_none() && self.min_calls.unwrap_or(1) == 1;
        match (self.last_calls, self.within) {
            (None, None) => Window::None,
            (Some(_), _) => Window::Count { slow },
            (None, Some(_)) if self.striped == Some(true) => Window::Striped { slow },
            (None, Some(_)) if failures_only => Window::Failures,
            (None, Some(_)) => Window::Time { slow },
        }
    }

    /// The core's configuration; `seed` draws the jitter.
    pub(crate) fn config(&self, seed: u32) -> Result<Config, BadSetting> {
        self.check_window()?;
        let mut config = Config::new()
            .open_for(self.open_for.map_or(0, millis))
            .min_calls(self.min_calls.unwrap_or(1))
            .last_calls(self.last_calls.unwrap_or(0))
            .bucket(self.within.map_or(0, |within| millis(within).div_ceil(BUCKETS)))
            .probes(self.probes.unwrap_or(1))
            .after_probe_timeout(self.after_probe_timeout.unwrap_or_default());
        /// Those of the core's setters that take what there is.
        macro_rules! set {
            ($($setter:ident($value:pat => $($argument:expr),+))+) => {
                $(if let Some($value) = self.$setter {
                    config = config.$setter($($argument),+);
                })+
            };
        }
        set! {
            consecutive_failures(count => count)
            failures_in_window(count => count)
            failure_rate(percent => percent)
            slow_rate(percent => percent)
            slow_after(time => millis(time))
            backoff(Backoff { factor, max } => factor, millis(max))
            jitter(percent => percent, seed)
            reuse_probes_until(count => count)
            successes(count => count)
            probe_rate_after(count => count)
        }
        config = match self.probe_timeout {
            None => config,
            Some(ProbeTimeout::After(time)) => config.probe_timeout(millis(time)),
            Some(ProbeTimeout::Never) => config.no_probe_timeout(),
        };
        if let Some(ramp) = &self.ramp {
            config = ramped(config, ramp)?;
        }
        if self.abandoned_fails == Some(true) {
            config = config.abandoned_fails();
        }
        Ok(config)
    }
}

/// `config` with a ramp. The core takes arrays, and there are 1 to 7 shares.
fn ramped(config: Config, ramp: &Ramp) -> Result<Config, BadSetting> {
    let step = millis(ramp.step);
    Ok(match *ramp.shares {
        [a] => config.ramp([a], step),
        [a, b] => config.ramp([a, b], step),
        [a, b, c] => config.ramp([a, b, c], step),
        [a, b, c, d] => config.ramp([a, b, c, d], step),
        [a, b, c, d, e] => config.ramp([a, b, c, d, e], step),
        [a, b, c, d, e, f] => config.ramp([a, b, c, d, e, f], step),
        [a, b, c, d, e, f, g] => config.ramp([a, b, c, d, e, f, g], step),
        _ => {
            return Err(BadSetting {
                setting: "ramp.shares",
                value: format!("{:?}", ramp.shares),
                allowed: "1 to 7 shares".to_owned(),
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_reaches_the_core() {
        let second = Duration::from_secs(1);
        let settings = Settings {
            consecutive_failures: Some(7),
            failures_in_window: Some(8),
            failure_rate: Some(50),
            slow_rate: Some(60),
            slow_after: Some(2 * second),
            min_calls: Some(9),
            last_calls: Some(20),
            within: None,
            striped: Some(false),
            open_for: Some(second),
            backoff: Some(Backoff { factor: 2, max: 8 * second }),
            jitter: Some(10),
            probes: Some(3),
            reuse_probes_until: Some(5),
            successes: Some(4),
            probe_rate_after: Some(2),
            probe_timeout: Some(ProbeTimeout::After(3 * second)),
            after_probe_timeout: Some(AfterProbeTimeout::Close),
            ramp: Some(Ramp { shares: vec![10, 50], step: second }),
            abandoned_fails: Some(true),
        };
        let config = Config::new()
            .consecutive_failures(7)
            .failures_in_window(8)
            .failure_rate(50)
            .slow_rate(60)
            .slow_after(2_000)
            .min_calls(9)
            .last_calls(20)
            .open_for(1_000)
            .backoff(2, 8_000)
            .jitter(10, 0x5eed)
            .probes(3)
            .reuse_probes_until(5)
            .successes(4)
            .probe_rate_after(2)
            .probe_timeout(3_000)
            .after_probe_timeout(AfterProbeTimeout::Close)
            .ramp([10, 50], 1_000)
            .abandoned_fails();
        assert_eq!(settings.config(0x5eed), Ok(config));

        let by_time = Settings { last_calls: None, within: Some(second), ..settings };
        assert_eq!(by_time.config(0x5eed), Ok(config.last_calls(0).bucket(100)));
    }
}
