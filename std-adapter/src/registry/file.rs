//! A registry by the settings of a file.

use super::Registry;
use crate::breaker::Breaker;
use crate::error::BuildError;
use crate::settings_file::SettingsFile;

impl Registry {
    /// A registry that builds breakers as `file` says, outside of its profiles: choose one
    /// before, by [`in_profile`](SettingsFile::in_profile). Later,
    /// [`reload`](Self::reload) applies other settings.
    ///
    /// ```
    /// # use microbreaker_std::{Registry, SettingsFile};
    /// let settings = r#"
    ///     [defaults]
    ///     preset = "http_service"
    ///
    ///     [breakers."search*"]
    ///     open_for = "5s"
    /// "#;
    /// let file = SettingsFile::read(toml::Deserializer::parse(settings)?)?;
    /// let registry = Registry::of(file)?;
    /// assert_eq!(registry.get("search.internal").settings().open_for.unwrap().as_secs(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the defaults alone make no breaker, or a pattern is longer than 256 bytes.
    pub fn of(file: SettingsFile) -> Result<Self, BuildError> {
        let template = Breaker::builder("template").settings(file.defaults.clone());
        let registry = Self::new(template)?;
        registry.reload(file.defaults, file.breakers)?;
        Ok(registry)
    }
}
