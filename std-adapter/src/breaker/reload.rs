//! Changing a breaker's settings while it is in use.

use crate::breaker::Breaker;
use crate::engine::reload::Reloaded;
use crate::engine::versions::Version;
use crate::engine::watch::Watch;
use crate::error::BuildError;
use crate::settings::{Mode, Settings};

impl Breaker {
    /// The current settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.inner().engines.settings(Settings::clone)
    }

    /// Replaces the settings, for all handles of the breaker.
    ///
    /// The breaker keeps its phase, how long it stays open, its backoff, its probes, its
    /// failures in a row and the level of its leaky bucket. It keeps its window if the new
    /// one is of the same kind, as long in time, and not longer in calls. The result says
    /// what was forgotten, because the new settings cannot hold it. Settings equal to the
    /// current ones change nothing. A [`mode`](crate::Builder::mode) that has changed is
    /// entered, as by a command.
    ///
    /// A reload takes effect at one moment, for all threads: commands, calls and
    /// transitions come before it, and are kept, or after it. Calls under way count when
    /// they end, by the new settings. No listener hears of it. The clock stays the same.
    ///
    /// A reload waits for other reloads of the breaker, and nothing waits for a reload.
    /// After the first reload, a call costs about twice as much as before, and no more after
    /// any number of reloads. What was replaced is given back once no thread uses it, or has
    /// used it last, except for the breaker's first engine.
    ///
    /// # Errors
    ///
    /// The first setting that cannot work; the breaker is left as it was.
    pub fn reload(&self, settings: &Settings) -> Result<Reloaded, BuildError> {
        let mode = settings.mode.unwrap_or_default();
        self.reload_in(settings, |old| (old.mode.unwrap_or_default() != mode).then_some(mode))
    }

    /// The same, entering the mode that `mode` makes of the settings before.
    pub(crate) fn reload_in(
        &self,
        settings: &Settings,
        mode: impl Fn(&Settings) -> Option<Mode>,
    ) -> Result<Reloaded, BuildError> {
        let (inner, settings) = (self.inner(), &settings.filled_in());
        let make = |old: &Version, handover: &_| {
            let watch = Watch::new(inner.telemetry.clone());
            Version::new(settings, inner.seed, inner.clock.clone(), watch, Some((old, handover)))
        };
        let reloaded = inner.engines.reload(settings, mode, make);
        // Another engine may admit calls sooner.
        inner.telemetry.wake();
        reloaded.map_err(|problem| BuildError { name: self.name().clone(), problem })
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};
    use std::time::Duration;

    fn settings(failures: u32) -> Settings {
        let open_for = Some(Duration::from_secs(10));
        Settings { consecutive_failures: Some(failures), open_for, ..Settings::default() }
    }

    #[test]
    fn engines_are_given_back_once_no_thread_has_used_them_last() {
        const THREADS: usize = 3;
        let breaker = Breaker::builder("users").settings(settings(3)).build().unwrap();
        // Each has a reference to the telemetry.
        let engines = || Arc::strong_count(&breaker.inner().telemetry) - 1;
        let turn = Barrier::new(THREADS + 1);
        std::thread::scope(|scope| {
            let call = || {
                for _ in 0..6 {
                    turn.wait();
                    breaker.call(|| Ok::<_, ()>(())).unwrap();
                    turn.wait();
                }
            };
            (0..THREADS).for_each(|_| _ = scope.spawn(call));
            for reloads in [1, 10, 100, 1_000, 10_000, 70_000] {
                for failures in 0..reloads {
                    breaker.reload(&settings(4 + failures % 200)).unwrap();
                }
                // The first one, those that threads have used last, and the one in use.
                assert!(engines() <= 2 + THREADS, "{} after {reloads} reloads", engines());
                turn.wait();
                turn.wait();
                assert_eq!(engines(), 2);
            }
        });
    }
}
