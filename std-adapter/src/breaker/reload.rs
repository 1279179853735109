//! Changing a breaker's settings while it is in use.

use crate::breaker::Breaker;
use crate::engine::Engine;
use crate::engine::reload::Reloaded;
use crate::engine::watch::Watch;
use crate::error::BuildError;
use crate::settings::Settings;

impl Breaker {
    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.inner().engines.settings()
    }

    /// Goes on with other settings, for all handles of the breaker.
    ///
    /// The phase is kept, and how long it stays open. The window is not, since
    /// another one cannot hold it, nor the backoff, the probes that are out or a
    /// ramp: the result says what was forgotten. With the same settings nothing
    /// is touched.
    ///
    /// The clock stays what it is. Calls under way count nowhere. Changes wait for
    /// each other, nothing else waits for them. A transition at the very moment of
    /// the change is reported, but may not be kept. Each of the different settings
    /// that a breaker has had takes less than 1 KiB until it is dropped.
    ///
    /// # Errors
    ///
    /// The first setting that cannot work; the breaker goes on as before.
    pub fn reload(&self, settings: &Settings) -> Result<Reloaded, BuildError> {
        let inner = self.inner();
        let make = || {
            let watch = Watch::new(inner.telemetry.clone());
            Engine::new(settings, inner.seed, inner.clock.clone(), watch)
        };
        let reloaded = inner.engines.reload(settings, make);
        reloaded.map_err(|problem| BuildError { name: self.name().clone(), problem })
    }
}
