//! The settings of a breaker as data, and their errors.

mod config;
mod error;
mod explain;
pub(crate) mod mode;
#[cfg(any(feature = "registry", feature = "serde"))]
pub(crate) mod pattern;
mod preset;
pub(crate) mod window;

use std::time::Duration;

pub use microbreaker::{AfterProbeTimeout, Leak, LeakError};

pub use self::error::SettingError;
pub use self::mode::Mode;
pub use self::preset::Preset;

/// The buckets of a time-based window, which forgets one at a time.
pub(crate) const BUCKETS: u32 = 10;

/// Passes the names of all settings to a macro.
macro_rules! all_settings {
    ($to:ident) => {
        $to! {
            consecutive_failures consecutive_within_window failures_in_window failure_rate
            failure_ratio slow_rate slow_ratio slow_after leaky_bucket min_calls last_calls within striped
            open_for backoff jitter probes reuse_probes_until successes probe_rate_after
            probe_timeout longest_half_open after_probe_timeout ramp abandoned mode critical
        }
    };
}

/// What makes a breaker trip, and how it recovers: the settings of a
/// [`Builder`](crate::Builder) as data, each named after its setter. `None` means the
/// default that the setter documents, or that the setting is not used.
///
/// ```
/// use microbreaker_std::{Breaker, Settings};
/// use std::time::Duration;
///
/// let defaults = Settings {
///     consecutive_failures: Some(3),
///     open_for: Some(Duration::from_secs(30)),
///     ..Settings::default()
/// };
/// let patient = Settings { consecutive_failures: Some(10), ..Settings::default() };
///
/// let reports = Breaker::builder("reports").settings(patient.over(&defaults)).build()?;
/// assert_eq!(reports.settings().consecutive_failures, Some(10));
/// assert_eq!(reports.settings().open_for, Some(Duration::from_secs(30)));
///
/// reports.reload(&defaults)?; // while it is in use
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[expect(missing_docs, reason = "each field is documented at the setter of its name")]
pub struct Settings {
    pub consecutive_failures: Option<u32>,
    pub consecutive_within_window: Option<bool>,
    pub failures_in_window: Option<u32>,
    pub failure_rate: Option<u32>,
    pub failure_ratio: Option<(u32, u32)>,
    pub slow_rate: Option<u32>,
    pub slow_ratio: Option<(u32, u32)>,
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub slow_after: Option<Duration>,
    pub leaky_bucket: Option<Leak>,
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
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub longest_half_open: Option<Duration>,
    pub after_probe_timeout: Option<AfterProbeTimeout>,
    pub ramp: Option<Ramp>,
    pub abandoned: Option<Abandoned>,
    pub mode: Option<Mode>,
    pub critical: Option<bool>,
    /// Fills up what these settings leave unset, before those do that they are put
    /// [`over`](Self::over).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub preset: Option<Preset>,
    /// Names of settings to leave unset, although what these settings are put
    /// [`over`](Self::over) may set them.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub unset: Vec<String>,
}

/// So that settings compare with a reference, as those in use are.
impl PartialEq<&Self> for Settings {
    fn eq(&self, other: &&Self) -> bool {
        self == *other
    }
}

/// Longer waits after each failed recovery.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Backoff {
    /// What each trip from half-open multiplies the wait by, rounded to thousandths:
    /// 1.001 to 65.535, or a whole number above 1.
    pub factor: f64,
    /// The longest wait.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub max: Duration,
}

/// What an abandoned call, one whose future or permit is dropped, counts as. In a file:
/// `"ignored"`, `"failed"` or `"by_time"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Abandoned {
    /// As nothing.
    #[default]
    Ignored,
    /// As a failure.
    Failed,
    /// As a slow call if it was slow by then, and as failed if it was a probe; otherwise
    /// as nothing.
    ByTime,
}

/// How long half-open may last without progress of its probes. In a file: a time, or
/// `"never"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub enum ProbeTimeout {
    /// This long.
    After(Duration),
    /// For ever: there is no time limit.
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

/// Gradual closing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Ramp {
    /// The share of calls to admit in each step, 1 to 99 percent.
    pub shares: Vec<u8>,
    /// How long each step lasts.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub step: Duration,
}

impl Settings {
    /// These settings, filled up from `others` where nothing is set or
    /// [`unset`](Self#structfield.unset). The window is one setting: if these set a
    /// window, nothing of it comes from `others`. So are a rate and the ratio that says
    /// the same exactly. The result has no [`preset`](Self#structfield.preset): it is filled in.
    #[must_use]
    pub fn over(&self, others: &Self) -> Self {
        self.filled_in().filled_up(&others.filled_in())
    }

    /// These settings with those of the preset in its place.
    pub(crate) fn filled_in(&self) -> Self {
        self.preset.map_or_else(|| self.clone(), |preset| self.filled_up(&preset.settings()))
    }

    fn filled_up(&self, others: &Self) -> Self {
        let has_window = self.last_calls.is_some() || self.within.is_some();
        let unsets = |setting| self.unset.iter().any(|unset| unset == setting);
        macro_rules! first {
            ($($field:ident)+) => {
                Self {
                    $($field: match &self.$field {
                        None if unsets(stringify!($field)) => None,
                        None => others.$field.clone(),
                        set => set.clone(),
                    },)+
                    preset: None,
                    unset: self.unset.clone(),
                }
            };
        }
        let mut first = all_settings!(first);
        let more = others.unset.iter().filter(|unset| !self.sets(unset) && !unsets(unset));
        first.unset.extend(more.cloned());
        if has_window {
            (first.last_calls, first.within) = (self.last_calls, self.within);
            first.striped = self.striped;
        }
        if self.failure_rate.is_some() || self.failure_ratio.is_some() {
            (first.failure_rate, first.failure_ratio) = (self.failure_rate, self.failure_ratio);
        }
        if self.slow_rate.is_some() || self.slow_ratio.is_some() {
            (first.slow_rate, first.slow_ratio) = (self.slow_rate, self.slow_ratio);
        }
        first
    }

    /// Whether `setting`, named as in [`SettingError`], is set.
    pub(crate) fn sets(&self, setting: &str) -> bool {
        let (group, _) = setting.split_once('.').unwrap_or((setting, ""));
        macro_rules! any {
            ($($field:ident)+) => {
                match group {
                    "unset" => !self.unset.is_empty(),
                    $(stringify!($field) => self.$field.is_some(),)+
                    _ => false,
                }
            };
        }
        all_settings!(any)
    }

    /// Checks that `unset` names settings, and none that is set.
    fn check_unset(&self) -> Result<(), SettingError> {
        macro_rules! names {
            ($($field:ident)+) => { [$(stringify!($field)),+] };
        }
        let names = all_settings!(names);
        let is_wrong = |unset: &&String| !names.contains(&unset.as_str()) || self.sets(unset);
        match self.unset.iter().find(is_wrong) {
            None => Ok(()),
            Some(unset) => {
                let allowed = format!("names of settings that are not set: {}", names.join(", "));
                Err(SettingError { setting: "unset", value: format!("{unset:?}"), allowed })
            }
        }
    }
}
