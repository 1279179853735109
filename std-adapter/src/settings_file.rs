//! The settings of many breakers in a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::engine;
use crate::settings::pattern::{Pattern, applying};
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
/// unset = ["backoff"]
///
/// [breakers.payments]
/// preset = "payment_gateway"
/// failure_ratio = [1, 200]
/// last_calls = 1000
///
/// [breakers."tenant/*"]
/// mode = "metrics_only"
///
/// [profiles.production.defaults]
/// min_calls = 50
///
/// [profiles.production.breakers.search]
/// probe_timeout = "never"
/// ```
///
/// In the keys of `breakers`, `*` stands for any number of characters, and `?` for one. To
/// a breaker apply the settings under its name and those under the most specific pattern
/// that matches, the one that spells out most characters.
///
/// The more specific place takes precedence, for each setting by itself: a name, then a
/// pattern, then the `defaults`; and each in a profile before the same outside. `unset`
/// lists what the more general places may set and this one does not. A
/// [`preset`](crate::settings::Preset) fills up what its place leaves unset.
/// Only what excludes each other is one setting: `last_calls`, and `within` with `striped`;
/// `failure_rate` and `failure_ratio`; `slow_rate` and `slow_ratio`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SettingsFile {
    /// Settings for all breakers.
    pub defaults: Settings,
    /// Settings for breakers by name or pattern.
    #[serde(deserialize_with = "unique")]
    pub breakers: BTreeMap<String, Settings>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique")]
    profiles: BTreeMap<String, Profile>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Profile {
    defaults: Settings,
    #[serde(deserialize_with = "unique")]
    breakers: BTreeMap<String, Settings>,
}

/// A map from a format that leaves it to the reader to refuse a key that is there twice.
fn unique<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    struct Unique<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Unique<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = from.next_entry::<String, T>()? {
                if map.contains_key(&key) {
                    return Err(A::Error::custom(format_args!("{key:?} is there twice")));
                }
                map.insert(key, value);
            }
            Ok(map)
        }
    }

    from.deserialize_map(Unique(PhantomData))
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
    /// The first problem, and where it is: an unknown name of a setting, a key that is
    /// there twice, a value of the wrong type or out of range, or settings that cannot work
    /// together. A name of no breaker is no error: see
    /// `Registry::unmatched`.
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
        Settings { unset: Vec::new(), ..self.merge(&self.keys_for(name)) }
    }

    fn merge(&self, keys: &[String]) -> Settings {
        let settings = keys.iter().map(|key| &self.breakers[key]).chain([&self.defaults]);
        settings.fold(Settings::default(), |all, next| all.over(next))
    }

    /// The keys of what applies to the breaker `name`, the more specific first.
    fn keys_for(&self, name: &str) -> Vec<String> {
        let patterns = self.breakers.keys().filter_map(|key| Pattern::new(key).ok());
        let patterns: BTreeSet<_> = patterns.collect();
        let applying = applying(patterns.iter().map(|pattern| (pattern, ())), name);
        applying.map(|(pattern, ())| pattern.text().to_string()).collect()
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
        let defaults = [
            (profile.map(|it| &it.defaults), format!("{prefix}defaults")),
            (Some(&self.defaults), "defaults".to_owned()),
        ];
        for key in merged.breakers.keys() {
            let pattern = Pattern::new(key).map_err(|error| SettingsFileError {
                path: format!("{prefix}breakers.{key}"),
                problem: format!(
                    "the {} is {}, but must be {}",
                    error.setting, error.value, error.allowed
                ),
            })?;
            // What applies to names that a pattern matches is itself and the defaults.
            let keys = if pattern.is_name() { merged.keys_for(key) } else { vec![key.clone()] };
            let places = keys.iter().flat_map(|key| {
                [
                    (
                        profile.and_then(|it| it.breakers.get(key)),
                        format!("{prefix}breakers.{key}"),
                    ),
                    (self.breakers.get(key), format!("breakers.{key}")),
                ]
            });
            let places: Vec<_> = places.chain(defaults.clone()).collect();
            engine::check(&merged.merge(&keys)).map_err(|error| located(error, &places))?;
        }
        // A file that names every breaker needs no defaults.
        if merged.defaults != Settings::default() || merged.breakers.is_empty() {
            engine::check(&merged.defaults).map_err(|error| located(error, &defaults))?;
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
