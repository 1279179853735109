//! Settings as the configuration of a core breaker.

use microbreaker::{Config, config::Field};

use super::error::SettingError;
use super::{Abandoned, BUCKETS, Backoff, ProbeTimeout, Ramp, Settings};
use crate::clock::millis;

impl Settings {
    /// The configuration of a core breaker. `seed` draws the jitter.
    pub(crate) fn config(&self, seed: u32) -> Result<Config, SettingError> {
        self.check_unset()?;
        self.check_rates()?;
        self.check_window()?;
        let mut config = Config::new()
            .open_for(self.open_for.map_or(0, millis))
            .min_calls(self.min_calls.unwrap_or(1))
            .last_calls(self.last_calls.unwrap_or(0))
            .bucket(self.within.map_or(0, |within| millis(within).div_ceil(BUCKETS)))
            .probes(self.probes.unwrap_or(1))
            .after_probe_timeout(self.after_probe_timeout.unwrap_or_default());
        /// Calls the setters of the core for what is set.
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
            failure_ratio((part, whole) => part, whole)
            slow_rate(percent => percent)
            slow_ratio((part, whole) => part, whole)
            slow_after(time => millis(time))
            leaky_bucket(leak => leak)
            reuse_probes_until(count => count)
            successes(count => count)
            probe_rate_after(count => count)
            longest_half_open(time => millis(time))
        }
        if let Some(percent @ 1..) = self.jitter {
            config = config.jitter(percent, seed);
        }
        if self.consecutive_within_window == Some(true) {
            config = config.consecutive_within_window();
        }
        if let Some(backoff) = self.backoff {
            config = backed_off(config, backoff);
        }
        config = match self.probe_timeout {
            None => config,
            Some(ProbeTimeout::After(time)) => config.probe_timeout(millis(time)),
            Some(ProbeTimeout::Never) => config.no_probe_timeout(),
        };
        if let Some(ramp) = &self.ramp {
            config = ramped(config, ramp)?;
        }
        Ok(match self.abandoned.unwrap_or_default() {
            Abandoned::Ignored => config,
            Abandoned::Failed => config.abandoned_fails(),
            Abandoned::ByTime => config.abandoned_by_time(),
        })
    }

    /// Checks that no rate is set twice, as a percentage and as a ratio: the core takes
    /// the last.
    fn check_rates(&self) -> Result<(), SettingError> {
        let rates = [
            (Field::FailureRate, self.failure_rate.is_some() && self.failure_ratio.is_some()),
            (Field::SlowRate, self.slow_rate.is_some() && self.slow_ratio.is_some()),
        ];
        match rates.into_iter().find(|(_, twice)| *twice) {
            Some((field, _)) => {
                let rate = field.name();
                Err(self
                    .refuse(field, format!("left out where {rate} is set: they are one policy")))
            }
            None => Ok(()),
        }
    }
}

/// `config` with a backoff. The core takes a factor as a whole number, or as a ratio of
/// parts that are at most 65,535.
fn backed_off(config: Config, Backoff { factor, max }: Backoff) -> Config {
    let thousandths = (factor * 1_000.0).round();
    if thousandths % 1_000.0 == 0.0 {
        config.backoff((thousandths / 1_000.0) as u32, millis(max))
    } else {
        config.backoff_ratio(thousandths as u32, 1_000, millis(max))
    }
}

/// `config` with a ramp. The core takes its 1 to 7 shares as an array.
fn ramped(config: Config, ramp: &Ramp) -> Result<Config, SettingError> {
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
            return Err(SettingError {
                setting: "ramp.shares",
                value: format!("{:?}", ramp.shares),
                allowed: "1 to 7 shares".to_owned(),
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use microbreaker::{AfterProbeTimeout, Leak};

    use super::*;

    #[test]
    fn every_setting_reaches_the_core() {
        let second = Duration::from_secs(1);
        let settings = Settings {
            consecutive_failures: Some(7),
            consecutive_within_window: Some(true),
            failures_in_window: Some(8),
            failure_rate: Some(50),
            failure_ratio: None,
            slow_rate: Some(60),
            slow_ratio: None,
            slow_after: Some(2 * second),
            leaky_bucket: Some(Leak::new(14, 1, 100)),
            min_calls: Some(9),
            last_calls: Some(20),
            within: None,
            striped: Some(false),
            open_for: Some(second),
            backoff: Some(Backoff { factor: 2.0, max: 8 * second }),
            jitter: Some(10),
            probes: Some(3),
            reuse_probes_until: Some(5),
            successes: Some(4),
            probe_rate_after: Some(2),
            probe_timeout: Some(ProbeTimeout::After(3 * second)),
            longest_half_open: Some(4 * second),
            after_probe_timeout: Some(AfterProbeTimeout::Close),
            ramp: Some(Ramp { shares: vec![10, 50], step: second }),
            abandoned: Some(Abandoned::Failed),
            mode: None,
            critical: None,
            preset: None,
            unset: Vec::new(),
        };
        let config = Config::new()
            .consecutive_failures(7)
            .consecutive_within_window()
            .failures_in_window(8)
            .failure_rate(50)
            .slow_rate(60)
            .slow_after(2_000)
            .leaky_bucket(Leak::new(14, 1, 100))
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
            .longest_half_open(4_000)
            .after_probe_timeout(AfterProbeTimeout::Close)
            .ramp([10, 50], 1_000)
            .abandoned_fails();
        assert_eq!(settings.config(0x5eed), Ok(config));

        let by_time = Settings { last_calls: None, within: Some(second), ..settings.clone() };
        assert_eq!(by_time.config(0x5eed), Ok(config.last_calls(0).bucket(100)));

        let exact = Settings {
            failure_rate: None,
            failure_ratio: Some((1, 2_000)),
            slow_rate: None,
            slow_ratio: Some((1, 3)),
            abandoned: Some(Abandoned::ByTime),
            ..settings
        };
        let config = config.failure_ratio(1, 2_000).slow_ratio(1, 3).abandoned_by_time();
        assert_eq!(exact.config(0x5eed), Ok(config));
    }

    #[test]
    fn a_factor_is_rounded_to_thousandths() {
        let second = Duration::from_secs(1);
        let of = |factor| {
            let backoff = Some(Backoff { factor, max: second });
            Settings { backoff, ..Settings::default() }.config(0).unwrap()
        };
        let none = Settings::default().config(0).unwrap();
        assert_eq!(of(1.5), none.backoff_ratio(1_500, 1_000, 1_000));
        assert_eq!(of(4.0 / 3.0), none.backoff_ratio(1_333, 1_000, 1_000));
        assert_eq!(of(65.535), none.backoff_ratio(65_535, 1_000, 1_000));
        assert_eq!(of(1.999_6), none.backoff(2, 1_000));
        assert_eq!(of(4e9), none.backoff(4_000_000_000, 1_000));
        for refused in [1.000_4, 1.0, 0.5, -2.0, f64::NAN, f64::NEG_INFINITY, 65.536] {
            let config = of(refused).consecutive_failures(1).open_for(500);
            let error = config.check::<()>().unwrap_err();
            assert_eq!(error.field, Field::BackoffFactor, "{refused}");
        }
    }
}
