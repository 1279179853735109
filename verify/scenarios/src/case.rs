//! The schema of a case file, checked as the file is read.
//!
//! Unknown fields and names are rejected, so that nothing looks tested that was ignored.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use microbreaker::{Cause, Phase};
use serde::Deserialize;

/// A behaviour as a table of steps.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub id: String,
    #[serde(default)]
    pub title: String,
    /// The project whose tests require this behaviour.
    #[serde(default)]
    pub from: String,
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    pub config: Config,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub window: Window,
    /// In percent, like all rates.
    pub failure_rate: Option<f64>,
    pub slow_rate: Option<f64>,
    /// In ticks, like all times.
    pub slow_after: Option<u64>,
    pub min_calls: Option<u32>,
    /// Failures within the window.
    pub failure_count: Option<u32>,
    pub consecutive_failures: Option<u32>,
    pub leaky_bucket: Option<LeakyBucket>,
    pub open_for: u64,
    pub backoff: Option<Backoff>,
    pub jitter: Option<Jitter>,
    pub ramp: Option<Ramp>,
    /// An adaptive throttle, instead of a breaker.
    pub throttle: Option<Throttle>,
    pub initial_state: Option<Phase>,
    /// Whether the phase reads as half-open once the wait is over, without a call; here it
    /// always does.
    #[serde(default)]
    pub auto_half_open: bool,
    #[serde(default)]
    pub half_open: HalfOpen,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Window {
    Count { size: u32 },
    Time { size: u64, buckets: u64 },
    Consecutive {},
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeakyBucket {
    pub up: u32,
    pub down: u32,
    pub limit: u32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backoff {
    pub factor: f64,
    pub max: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jitter {
    pub percent: u32,
    pub seed: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    pub shares: Vec<u8>,
    pub step: u32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    pub multiplier_tenths: u32,
    pub cap: u32,
    pub seed: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalfOpen {
    pub permits: u32,
    #[serde(default)]
    pub scope: Scope,
    pub rule: Rule,
    pub need: Option<u32>,
    pub of: Option<u32>,
    #[serde(default)]
    pub decide: Decide,
    pub evaluate_after: Option<u32>,
    /// How long probes may be out with none given out and none ending.
    pub probe_timeout: Option<u64>,
    /// The longest stay in half-open; 0 means no limit.
    pub max_wait: Option<u64>,
    pub max_wait_to: Option<MaxWaitTo>,
    pub reprobe_every: Option<u64>,
}

impl Default for HalfOpen {
    /// One probe, which must succeed.
    fn default() -> Self {
        Self {
            permits: 1,
            scope: Scope::Episode,
            rule: Rule::NeedOf,
            need: Some(1),
            of: Some(1),
            decide: Decide::Early,
            evaluate_after: None,
            probe_timeout: None,
            max_wait: None,
            max_wait_to: None,
            reprobe_every: None,
        }
    }
}

/// What `permits` limits: the probes of a stay in half-open, or those out at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    #[default]
    Episode,
    Inflight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    NeedOf,
    Rate,
}

/// When a verdict by need is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decide {
    /// As soon as it is certain.
    #[default]
    Early,
    /// At any other time.
    #[serde(other)]
    Late,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxWaitTo {
    Open,
    Closed,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The absolute tick.
    pub at: u64,
    pub op: Op,
    pub call: Option<String>,
    pub dur: Option<u64>,
    pub arg: Option<u64>,
    /// As how many failures the call counts in a leaky bucket.
    pub weight: Option<u8>,
    #[serde(default)]
    pub expect: Expect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    Acquire,
    Success,
    Failure,
    Panic,
    Ignore,
    Cancel,
    Open,
    OpenFor,
    HalfOpen,
    Close,
    ForceOpen,
    Disable,
    MetricsOnly,
    Reset,
    Check,
}

impl Op {
    /// Whether the step ends a call.
    pub fn is_finish(self) -> bool {
        use Op::*;
        matches!(self, Success | Failure | Panic | Ignore | Cancel)
    }
}

/// What must hold after a step; absent fields match anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    pub admit: Option<Admit>,
    pub state: Option<Phase>,
    pub calls: Option<u32>,
    pub failed: Option<u32>,
    pub slow: Option<u32>,
    /// The level of the leaky bucket.
    pub level: Option<u32>,
    /// `Some(None)`: a null was written, so there must be no rate.
    #[serde(deserialize_with = "present")]
    pub failure_rate: Option<Option<f64>>,
    #[serde(deserialize_with = "present")]
    pub slow_rate: Option<Option<f64>>,
    /// Rejections since the phase began.
    pub rejected: Option<u32>,
    #[serde(deserialize_with = "present")]
    pub retry_after: Option<Option<u64>>,
    /// All transitions since the start.
    pub transitions: Option<Vec<Move>>,
    pub events: Option<BTreeMap<Event, u32>>,
    /// Whether a manual transition must be refused.
    pub error: Option<bool>,
}

impl Expect {
    /// Whether it depends on what was recorded.
    pub fn asks_for_window(&self) -> bool {
        let counts = [self.calls, self.failed, self.slow];
        let rates = [self.failure_rate, self.slow_rate];
        counts.iter().any(Option::is_some) || rates.iter().any(Option::is_some)
    }
}

/// Distinguishes a null from an absent field.
fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admit {
    Admitted,
    Rejected,
}

impl Admit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Rejected => "rejected",
        }
    }
}

/// A transition from one phase to another: `closed>open`.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Move {
    pub from: Phase,
    pub to: Phase,
}

impl TryFrom<String> for Move {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let phase =
            |name: &str| Phase::ALL.iter().copied().find(|phase| phase.name() == name.trim());
        let ends = text.split_once('>').and_then(|(from, to)| Some((phase(from)?, phase(to)?)));
        let (from, to) = ends.ok_or_else(|| format!("`{text}` is not a transition"))?;
        Ok(Self { from, to })
    }
}

impl fmt::Debug for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}>{}", self.from, self.to)
    }
}

/// Something that a breaker reports. The event of a policy is reported when the policy
/// trips the breaker, or would trip it in a dry run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    ConsecutiveFailuresExceeded,
    #[serde(alias = "failures_in_window_exceeded")]
    FailureCountExceeded,
    LeakyBucketExceeded,
    FailureRateExceeded,
    #[serde(alias = "slow_call_rate_exceeded")]
    SlowRateExceeded,
    /// A call was refused.
    #[serde(alias = "not_permitted")]
    Rejected,
    Success,
    #[serde(alias = "error")]
    Failure,
    #[serde(alias = "ignored_error")]
    Ignored,
    Cancelled,
    #[serde(alias = "transition")]
    StateTransition,
    Opened,
    #[serde(alias = "half_open")]
    HalfOpened,
    #[serde(alias = "close")]
    Closed,
}

impl Event {
    /// The event of the policy that is the cause, if it is a policy.
    pub fn of(cause: Cause) -> Option<Self> {
        match cause {
            Cause::ConsecutiveFailures => Some(Self::ConsecutiveFailuresExceeded),
            Cause::FailuresInWindow => Some(Self::FailureCountExceeded),
            Cause::LeakyBucket => Some(Self::LeakyBucketExceeded),
            Cause::FailureRate => Some(Self::FailureRateExceeded),
            Cause::SlowRate => Some(Self::SlowRateExceeded),
            _ => None,
        }
    }
}

/// A case and where it was read, or why it could not be read.
pub struct Entry {
    pub file: PathBuf,
    pub id: String,
    pub case: Result<Case, String>,
}

/// Reads all cases of a file, or of all files below a folder.
///
/// A file holds one case or a list of them. A case that violates the schema does not affect
/// the others.
pub fn load(path: &Path) -> anyhow::Result<Vec<Entry>> {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .with_context(|| format!("cannot read {}", path.display()))?;
        entries.sort();
        let json = |entry: &PathBuf| entry.extension().is_some_and(|kind| kind == "json");
        entries.retain(|entry| entry.is_dir() || json(entry));
        let cases: anyhow::Result<Vec<_>> = entries.iter().map(|entry| load(entry)).collect();
        return Ok(cases?.into_iter().flatten().collect());
    }
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let json =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let values = match json {
        serde_json::Value::Array(values) => values,
        value => vec![value],
    };
    let entries = values.into_iter().enumerate().map(|(index, value)| {
        let id = value.get("id").and_then(|id| id.as_str());
        let id = id.map_or_else(|| format!("case {}", index + 1), String::from);
        let case = serde_path_to_error::deserialize(value).map_err(|error| error.to_string());
        Entry { file: path.to_owned(), id, case }
    });
    Ok(entries.collect())
}
