//! Changing a breaker's settings while it is in use.

use crate::breaker::Breaker;
use crate::engine::Engine;
use crate::engine::reload::Reloaded;
use crate::engine::watch::Watch;
use crate::error::BuildError;
use crate::settings::Settings;

impl Breaker {
    /// The current settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.inner().engines.settings()
    }

    /// Replaces the settings, for all handles of the breaker.
    ///
    /// The breaker keeps its phase, and how long it stays open. It does not keep its
    /// window, because the new one cannot hold it, nor its backoff, the probes that
    /// are out, or a ramp: the result says what was forgotten. Settings equal to the
    /// current ones change nothing.
    ///
    /// The clock stays the same. Calls under way count nowhere. A reload waits for
    /// other reloads of the breaker, and nothing waits for a reload. A transition at
    /// the very moment of the reload is reported, but may not be kept. Each distinct
    /// settings that the breaker has had take up to 1,152 bytes until it is dropped.
    ///
    /// # Errors
    ///
    /// The first setting that cannot work; the breaker is left as it was.
    pub fn reload(&self, settings: &Settings) -> Result<Reloaded, BuildError> {
        let (inner, settings) = (self.inner(), &settings.filled_in());
        let make = || {
            let watch = Watch::new(inner.telemetry.clone());
            Engine::new(settings, inner.seed, inner.clock.clone(), watch)
        };
        let reloaded = inner.engines.reload(settings, make);
        // Another engine may admit calls sooner.
        inner.telemetry.waiters.wake();
        reloaded.map_err(|problem| BuildError { name: self.name().clone(), problem })
    }
}
