//! How much a breaker needs attention.

use std::time::Duration;

use microbreaker::Phase;
use serde::{Deserialize, Serialize};

use crate::breaker::Breaker;
use crate::settings::Settings;
use crate::snapshot::Snapshot;

/// A breaker at one moment.
pub(super) struct Glance {
    pub(super) breaker: Breaker,
    pub(super) snapshot: Snapshot,
    pub(super) limits: Limits,
    pub(super) standing: Standing,
    pub(super) critical: bool,
}

impl Glance {
    pub(super) fn at(breaker: Breaker) -> Self {
        let read = |settings: &Settings| (Limits::of(settings), settings.critical == Some(true));
        let (limits, critical) = breaker.inner().engines.settings(read);
        let snapshot = breaker.snapshot();
        let standing = Standing::of(&snapshot, &limits);
        Self { breaker, snapshot, limits, standing, critical }
    }
}

/// How much a breaker needs attention, the most first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    Open,
    HalfOpen,
    ForcedOpen,
    /// Admits all calls, and has counted half of what a policy allows, or more.
    Strained,
    Disabled,
    MetricsOnly,
    Closed,
}

impl Standing {
    fn of(snapshot: &Snapshot, limits: &Limits) -> Self {
        match snapshot.phase {
            Phase::Open => Self::Open,
            Phase::HalfOpen => Self::HalfOpen,
            Phase::ForcedOpen => Self::ForcedOpen,
            Phase::Disabled => Self::Disabled,
            Phase::Closed | Phase::MetricsOnly if limits.are_near(snapshot) => Self::Strained,
            Phase::MetricsOnly => Self::MetricsOnly,
            _ => Self::Closed,
        }
    }
}

/// What makes a breaker trip, and what lets it close. Rates are percent.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Limits {
    failure_rate: Option<f64>,
    slow_rate: Option<f64>,
    slow_after_ms: Option<u64>,
    min_calls: u32,
    failures_in_window: Option<u32>,
    consecutive_failures: Option<u32>,
    /// Of the leaky bucket.
    level: Option<u32>,
    probes: u32,
}

impl Limits {
    fn of(settings: &Settings) -> Self {
        let percent = |(part, whole)| 100.0 * f64::from(part) / f64::from(whole);
        let rate = |rate: Option<u32>, ratio: Option<_>| ratio.map(percent).or(rate.map(f64::from));
        Self {
            failure_rate: rate(settings.failure_rate, settings.failure_ratio),
            slow_rate: rate(settings.slow_rate, settings.slow_ratio),
            slow_after_ms: settings
                .slow_after
                .as_ref()
                .map(Duration::as_millis)
                .map(|ms| ms as u64),
            min_calls: settings.min_calls.unwrap_or(1),
            failures_in_window: settings.failures_in_window,
            consecutive_failures: settings.consecutive_failures,
            level: settings.leaky_bucket.map(|leak| leak.limit()),
            probes: settings.probes.unwrap_or(1),
        }
    }

    fn are_near(&self, snapshot: &Snapshot) -> bool {
        let near = |counted: f64, limit: Option<f64>| limit.is_some_and(|it| 2.0 * counted >= it);
        let count = |counted: u32, limit: Option<u32>| near(counted.into(), limit.map(f64::from));
        let rate = |rate: Option<f64>, limit| rate.is_some_and(|rate| near(rate, limit));
        rate(snapshot.failure_rate, self.failure_rate)
            || rate(snapshot.slow_rate, self.slow_rate)
            || count(snapshot.consecutive_failures, self.consecutive_failures)
            || count(snapshot.tally.failed, self.failures_in_window)
            || count(snapshot.tally.level, self.level)
    }
}
