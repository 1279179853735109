//! Checks whether a configuration can work.

use super::{
    Abandoned, Backoff, Config, ConfigError, Field, MAX_FACTOR_PART, MAX_LEVEL, MAX_PROBE_TIMEOUT,
    MAX_SHARES, MAX_TICKS, ProbeTimeout, Ramp, Ratio,
};
use crate::state::{MAX_CONSECUTIVE, MAX_PROBES, MAX_RATED_PROBES, MAX_STAY};
use crate::window::{Kind, MAX_LIMIT, Window};

impl Config {
    /// Checks that every value is in range, for a breaker with a window `W`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]: the first field that is out of range, with its value and the
    /// allowed range.
    pub const fn check<W: Window>(&self) -> Result<(), ConfigError> {
        let in_window = self.failures_in_window.is_some()
            || self.failure_rate.is_some()
            || self.slow_rate.is_some();
        if self.consecutive_failures.is_none() && self.leaky_bucket.is_none() && !in_window {
            return Err(ConfigError::new(Field::Policies, 0, 1, 5));
        }
        // The most calls or failures that can be counted.
        let bound = match W::KIND {
            Kind::None => self.min_calls,
            Kind::Count { .. } => self.last_calls,
            Kind::Time { capacity, .. } => capacity,
        };
        // Whether the window remembers all calls, and whether it also times them.
        let counted = !matches!(W::KIND, Kind::Time { calls: false, .. });
        let timed = W::SLOW && counted;
        let (probes, rated) = match self.probe_rate_after {
            Some(_) => (MAX_RATED_PROBES, self.probe_rate_after),
            None => (MAX_PROBES, None),
        };
        let finished = match self.reuse_probes_until {
            Some(finished) => finished,
            None => self.probes,
        };
        let checks = [
            self.window_length().check::<W>(in_window),
            within(Field::MinCalls, self.min_calls, 1, if counted { bound } else { 1 }),
            optional(Field::ConsecutiveFailures, self.consecutive_failures, MAX_CONSECUTIVE),
            optional(Field::FailuresInWindow, self.failures_in_window, bound),
            match (W::KIND, self.consecutive_failures) {
                (Kind::Time { .. }, Some(_)) => Ok(()),
                _ if self.consecutive_within_window => {
                    within(Field::ConsecutiveWithinWindow, 1, 1, 0)
                }
                _ => Ok(()),
            },
            rate(Field::FailureRate, self.failure_rate, counted),
            rate(Field::SlowRate, self.slow_rate, timed),
            match (self.slow_after, self.slow_rate) {
                (Some(ticks), Some(_)) => within(Field::SlowAfter, ticks, 0, MAX_TICKS),
                (Some(ticks), None) => within(Field::SlowAfter, ticks, 1, 0),
                (None, Some(_)) => within(Field::SlowAfter, u32::MAX, 0, MAX_TICKS),
                (None, None) => Ok(()),
            },
            self.check_leak(W::LEAKY),
            match (self.abandoned, self.slow_after) {
                (Abandoned::ByTime, None) => within(Field::AbandonedByTime, 1, 1, 0),
                _ => Ok(()),
            },
            within(Field::OpenFor, self.open_for, 1, MAX_TICKS),
            self.check_backoff(),
            match self.jitter {
                Some(jitter) => within(Field::Jitter, jitter.percent, 1, 100),
                None => Ok(()),
            },
            within(Field::Probes, self.probes, 1, probes),
            optional(Field::ReuseProbesUntil, self.reuse_probes_until, probes),
            optional(Field::Successes, self.successes, finished),
            optional(Field::ProbeRateAfter, rated, finished),
            match rated {
                Some(count) if self.failure_rate.is_none() && self.slow_rate.is_none() => {
                    within(Field::ProbeRateAfter, count, 1, 0)
                }
                _ => Ok(()),
            },
            match self.probe_timeout {
                ProbeTimeout::Ticks(ticks) => {
                    within(Field::ProbeTimeout, ticks, 1, MAX_PROBE_TIMEOUT)
                }
                ProbeTimeout::OpenFor | ProbeTimeout::Never => Ok(()),
            },
            optional(Field::LongestHalfOpen, self.longest_half_open, MAX_STAY),
            self.check_ramp(),
        ];
        let mut i = 0;
        while i < checks.len() {
            if checks[i].is_err() {
                return checks[i];
            }
            i += 1;
        }
        Ok(())
    }

    const fn check_backoff(&self) -> Result<(), ConfigError> {
        let Some(Backoff { factor: Ratio { part, whole }, max }) = self.backoff else {
            return Ok(());
        };
        let most = if whole == 1 { u32::MAX } else { MAX_FACTOR_PART };
        if let Err(error) = within(Field::BackoffFactor, whole, 1, MAX_FACTOR_PART - 1) {
            return Err(error);
        }
        if let Err(error) = within(Field::BackoffFactor, part, whole + 1, most) {
            return Err(error);
        }
        within(Field::BackoffMax, max, self.open_for, self.backed_off(MAX_LEVEL, MAX_TICKS))
    }

    /// `possible`: whether there is a bucket. Then it must leak.
    const fn check_leak(&self, possible: bool) -> Result<(), ConfigError> {
        if self.leaky_bucket.is_none() && !possible {
            return Ok(());
        }
        let leak = self.leak();
        let most = if possible { MAX_LIMIT } else { 0 };
        if let Err(error) = within(Field::LeakLimit, leak.limit(), 1, most) {
            return Err(error);
        }
        if let Err(error) = within(Field::LeakUp, leak.up(), 1, leak.limit()) {
            return Err(error);
        }
        within(Field::LeakDown, leak.down(), 1, leak.limit())
    }

    const fn check_ramp(&self) -> Result<(), ConfigError> {
        let Some(Ramp { shares, count, step }) = self.ramp else { return Ok(()) };
        let (mut least, mut i) = (1, 0);
        while i < MAX_SHARES {
            let share = shares[i] as u32;
            if (i as u32) < count
                && let Err(error) = within(Field::RampShare, share, least, 99)
            {
                return Err(error);
            }
            least = share;
            i += 1;
        }
        within(Field::RampStep, step, 1, MAX_TICKS / MAX_SHARES as u32)
    }

    /// [`check`](Self::check), for constants.
    pub(crate) const fn assert<W: Window>(&self) {
        if let Err(error) = self.check::<W>() {
            panic!("{}", error.field.complaint());
        }
    }
}

pub(crate) const fn within(
    field: Field,
    value: u32,
    least: u32,
    most: u32,
) -> Result<(), ConfigError> {
    if least <= value && value <= most {
        Ok(())
    } else {
        Err(ConfigError::new(field, value, least, most))
    }
}

/// `possible`: whether the window remembers calls, so that there can be a rate.
const fn rate(field: Field, ratio: Option<Ratio>, possible: bool) -> Result<(), ConfigError> {
    match ratio {
        Some(Ratio { part, whole }) => within(field, part, 1, if possible { whole } else { 0 }),
        None => Ok(()),
    }
}

const fn optional(field: Field, value: Option<u32>, most: u32) -> Result<(), ConfigError> {
    match value {
        Some(value) => within(field, value, 1, most),
        None => Ok(()),
    }
}

#[cfg(doctest)]
#[doc = include_str!("refused.md")]
struct Refused;
