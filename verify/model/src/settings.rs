//! The settings of a breaker.

use microbreaker::{AfterProbeTimeout, Config, Leak};

/// Like [`Config`], but with fields that can be read, and with the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub window: Window,
    pub consecutive_failures: Option<u32>,
    /// Whether failures in a row count only while the window holds them.
    pub consecutive_within_window: bool,
    pub failures_in_window: Option<u32>,
    pub failure_rate: Option<Ratio>,
    /// Set together with `slow_after`.
    pub slow_rate: Option<Ratio>,
    /// In ticks.
    pub slow_after: Option<u32>,
    pub leaky_bucket: Option<Leak>,
    pub min_calls: u32,
    pub open_for: u32,
    pub backoff: Option<Backoff>,
    pub jitter: Option<Jitter>,
    pub probes: u32,
    pub reuse_probes_until: Option<u32>,
    pub successes: Option<u32>,
    pub probe_rate_after: Option<u32>,
    pub probe_timeout: ProbeTimeout,
    /// In ticks.
    pub longest_half_open: Option<u32>,
    pub after_probe_timeout: AfterProbeTimeout,
    pub ramp: Option<Ramp>,
    pub abandoned: Abandoned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    None,
    /// The last calls.
    Count(u32),
    /// The last `buckets` buckets of `ticks` each.
    Time {
        buckets: u32,
        ticks: u32,
    },
    /// The same, but remembering only failures.
    Failures {
        buckets: u32,
        ticks: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub factor: Ratio,
    pub max: u32,
}

/// `part` of `whole`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    pub part: u32,
    pub whole: u32,
}

impl Ratio {
    pub const fn percent(percent: u32) -> Self {
        Self { part: percent, whole: 100 }
    }

    pub const fn times(factor: u32) -> Self {
        Self { part: factor, whole: 1 }
    }
}

/// What a call counts as if its permit is dropped without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abandoned {
    Ignored,
    Failed,
    ByTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter {
    pub percent: u32,
    pub seed: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeTimeout {
    /// As long as `open_for`.
    OpenFor,
    Ticks(u32),
    Never,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ramp {
    /// In percent: 1 to 7 shares.
    pub shares: Vec<u8>,
    /// How long each share lasts, in ticks.
    pub step: u32,
}

/// The breaker's defaults, and no policy.
impl Default for Settings {
    fn default() -> Self {
        Self {
            window: Window::None,
            consecutive_failures: None,
            consecutive_within_window: false,
            failures_in_window: None,
            failure_rate: None,
            slow_rate: None,
            slow_after: None,
            leaky_bucket: None,
            min_calls: 1,
            open_for: 0,
            backoff: None,
            jitter: None,
            probes: 1,
            reuse_probes_until: None,
            successes: None,
            probe_rate_after: None,
            probe_timeout: ProbeTimeout::OpenFor,
            longest_half_open: None,
            after_probe_timeout: AfterProbeTimeout::Open,
            ramp: None,
            abandoned: Abandoned::Ignored,
        }
    }
}

type Setter = fn(Config, u32) -> Config;

impl Settings {
    /// These settings for the real breaker, unchecked.
    ///
    /// # Panics
    ///
    /// If the ramp has no share or more than 7.
    pub fn config(&self) -> Config {
        let mut config = Config::new()
            .min_calls(self.min_calls)
            .open_for(self.open_for)
            .probes(self.probes)
            .after_probe_timeout(self.after_probe_timeout);
        config = match self.window {
            Window::None => config,
            Window::Count(calls) => config.last_calls(calls),
            Window::Time { ticks, .. } | Window::Failures { ticks, .. } => config.bucket(ticks),
        };
        let optional: [(Option<u32>, Setter); 7] = [
            (self.consecutive_failures, Config::consecutive_failures),
            (self.failures_in_window, Config::failures_in_window),
            (self.slow_after, Config::slow_after),
            (self.reuse_probes_until, Config::reuse_probes_until),
            (self.successes, Config::successes),
            (self.probe_rate_after, Config::probe_rate_after),
            (self.longest_half_open, Config::longest_half_open),
        ];
        for (value, set) in optional {
            if let Some(value) = value {
                config = set(config, value);
            }
        }
        if let Some(Ratio { part, whole }) = self.failure_rate {
            config = config.failure_ratio(part, whole);
        }
        if let Some(Ratio { part, whole }) = self.slow_rate {
            config = config.slow_ratio(part, whole);
        }
        if let Some(leak) = self.leaky_bucket {
            config = config.leaky_bucket(leak);
        }
        if self.consecutive_within_window {
            config = config.consecutive_within_window();
        }
        if let Some(Backoff { factor: Ratio { part, whole }, max }) = self.backoff {
            config = config.backoff_ratio(part, whole, max);
        }
        if let Some(Jitter { percent, seed }) = self.jitter {
            config = config.jitter(percent, seed);
        }
        config = match self.probe_timeout {
            ProbeTimeout::OpenFor => config,
            ProbeTimeout::Ticks(ticks) => config.probe_timeout(ticks),
            ProbeTimeout::Never => config.no_probe_timeout(),
        };
        if let Some(Ramp { shares, step }) = &self.ramp {
            config = match shares[..] {
                [a] => config.ramp([a], *step),
                [a, b] => config.ramp([a, b], *step),
                [a, b, c] => config.ramp([a, b, c], *step),
                [a, b, c, d] => config.ramp([a, b, c, d], *step),
                [a, b, c, d, e] => config.ramp([a, b, c, d, e], *step),
                [a, b, c, d, e, f] => config.ramp([a, b, c, d, e, f], *step),
                [a, b, c, d, e, f, g] => config.ramp([a, b, c, d, e, f, g], *step),
                _ => panic!("a ramp has 1 to 7 shares"),
            };
        }
        match self.abandoned {
            Abandoned::Ignored => config,
            Abandoned::Failed => config.abandoned_fails(),
            Abandoned::ByTime => config.abandoned_by_time(),
        }
    }
}
