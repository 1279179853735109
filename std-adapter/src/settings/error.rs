//! A setting that cannot work.

use std::fmt;

/// A setting that cannot work: which, its value, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingError {
    /// The setting, named after its setter.
    pub setting: &'static str,
    /// Its value.
    pub value: String,
    /// What is allowed, to follow the words "must be".
    pub allowed: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, value, allowed } = self;
        write!(f, "{setting} is {value}, but must be {allowed}")
    }
}

impl std::error::Error for SettingError {}
