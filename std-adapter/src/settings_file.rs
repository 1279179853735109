//! The settings of many breakers in a file.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::engine;
use crate::settings::{SettingError, Settings};

/// The settings of many breakers, as in a file: TOML, YAML, JSON, or any other format
/// with a deserializer. Settings have the names of the setters of
/// [`Builder`](crate::Builder). Times are written like `"30s"` or `"1m 30s"`.
///
/// ```toml
/// [defaults]
/// failure_rate = 50
/// min_calls = 10
/// last_calls = 100
/// open_for = "30s"
/// backoff = { factor = 1.5, max = "5m" }
///
/// [breakers.search]
/// open_for = "5s"
///
/// [breakers.payments]
/// failure_ratio = [1, 200]
/// last_calls = 1000
///
/// [profiles.production.defaults]
/// min_calls = 50
///
/// [profiles.production.breakers.search]
/// probe_timeout = "never"
/// ```
///
/// The more specific place takes precedence, for each setting by itself: the breakers of
/// a profile, then `breakers`, then the `defaults` of the profile, and last `defaults`.
/// Only what excludes each other is one setting: `last_calls`, and `within` with `striped`;
/// `failure_rate` and `failure_ratio`; `slow_rate` and `slow_ratio`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SettingsFile {
    /// Settings for all breakers.
    pub defaults: Settings,
    /// Settings for breakers by name.
    pub breakers: BTreeMap<String, Settings>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    profiles: BTreeMap<String, Profile>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Profile {
    defaults: Settings,
    breakers: BTreeMap<String, Settings>,
}

/// Something in a settings file is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingsFileError {
    /// Where it is, like `breakers.search.open_for`.
    pub path: String,
    /// What is wrong there, and what is allowed.
    pub problem: String,
}

impl fmt::Display for SettingsFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

impl std::error::Error for SettingsFileError {}

impl SettingsFile {
    /// Reads settings, and checks those of every breaker in every profile.
    ///
    /// # Errors
    ///
    /// The first problem, and where it is: an unknown name, a value of the wrong type or
    /// out of range, or settings that cannot work together.
    pub fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Self, SettingsFileError> {
        let read: Self = serde_path_to_error::deserialize(from).map_err(|error| {
            let (path, problem) = (error.path().to_string(), error.inner().to_string());
            SettingsFileError { path, problem }
        })?;
        read.check("", None)?;
        for (name, profile) in &read.profiles {
            read.check(&format!("profiles.{name}."), Some(profile))?;
        }
        Ok(read)
    }

    /// The settings in the profile `name`, or outside of all profiles if it is `None`.
    /// The result has no profiles.
    ///
    /// # Errors
    ///
    /// If there is no such profile. The error lists those that there are.
    pub fn in_profile(&self, name: Option<&str>) -> Result<Self, SettingsFileError> {
        let Some(name) = name else { return Ok(self.with(None)) };
        match self.profiles.get(name) {
            Some(profile) => Ok(self.with(Some(profile))),
            None => {
                let names: Vec<_> = self.profiles.keys().map(String::as_str).collect();
                let problem = format!("there is no such profile, only: {}", names.join(", "));
                Err(SettingsFileError { path: format!("profiles.{name}"), problem })
            }
        }
    }

    /// The settings of the breaker `name`, outside of all profiles.
    #[must_use]
    pub fn settings(&self, name: &str) -> Settings {
        let own = self.breakers.get(name);
        own.map_or_else(|| self.defaults.clone(), |own| own.over(&self.defaults))
    }

    fn with(&self, profile: Option<&Profile>) -> Self {
        let Some(profile) = profile else {
            return Self { profiles: BTreeMap::new(), ..self.clone() };
        };
        let mut breakers = self.breakers.clone();
        for (name, settings) in &profile.breakers {
            let general = breakers.entry(name.clone()).or_default();
            *general = settings.over(general);
        }
        let defaults = profile.defaults.over(&self.defaults);
        Self { defaults, breakers, profiles: BTreeMap::new() }
    }

    /// Checks every breaker in a profile. `prefix` begins the paths into the profile.
    fn check(&self, prefix: &str, profile: Option<&Profile>) -> Result<(), SettingsFileError> {
        let merged = self.with(profile);
        for name in merged.breakers.keys() {
            let layers = [
                (profile.and_then(|it| it.breakers.get(name)), format!("{prefix}breakers.{name}")),
                (self.breakers.get(name), format!("breakers.{name}")),
                (profile.map(|it| &it.defaults), format!("{prefix}defaults")),
                (Some(&self.defaults), "defaults".to_owned()),
            ];
            engine::check(&merged.settings(name)).map_err(|error| located(error, &layers))?;
        }
        // A file that names every breaker needs no defaults.
        if merged.defaults != Settings::default() || merged.breakers.is_empty() {
            let layers = [
                (profile.map(|it| &it.defaults), format!("{prefix}defaults")),
                (Some(&self.defaults), "defaults".to_owned()),
            ];
            engine::check(&merged.defaults).map_err(|error| located(error, &layers))?;
        }
        Ok(())
    }
}

/// `error` with the path to its setting: in the first of `layers` that sets it, or else
/// in the first that exists.
fn located(error: SettingError, layers: &[(Option<&Settings>, String)]) -> SettingsFileError {
    let there_is = layers.iter().filter_map(|(layer, path)| layer.map(|layer| (layer, path)));
    let sets = there_is.clone().find(|(layer, _)| layer.sets(error.setting));
    let path = sets.or(there_is.clone().next()).map_or("", |(_, path)| path);
    let SettingError { setting, value, allowed } = error;
    SettingsFileError {
        path: format!("{path}.{setting}"),
        problem: format!("is {value}, but must be {allowed}"),
    }
}
