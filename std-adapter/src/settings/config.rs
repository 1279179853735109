//! Settings as the configuration of a core breaker.

use microbreaker::Config;

use super::error::SettingError;
use super::{BUCKETS, Backoff, ProbeTimeout, Ramp, Settings};
use crate::clock::millis;

impl Settings {
    /// The configuration of a core breaker. `seed` draws the jitter.
    pub(crate) fn config(&self, seed: u32) -> Result<Config, SettingError> {
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

    use microbreaker::AfterProbeTimeout;

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
