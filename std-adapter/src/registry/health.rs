//! Whether a service can do its work.

use std::fmt;

use microbreaker::Phase;

use super::Registry;
use crate::breaker::Breaker;

/// Which breakers make a service unready: see [`Registry::health`].
#[derive(Clone, Debug)]
pub struct Health {
    unready: Vec<Breaker>,
}

impl Health {
    /// Whether no critical breaker makes the service unready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.unready.is_empty()
    }

    /// The critical breakers that make the service unready, sorted by name.
    #[must_use]
    pub fn unready(&self) -> &[Breaker] {
        &self.unready
    }
}

/// `ready`, or `not ready: users is open for another 3s, payments is forced_open`.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_ready() { "ready" } else { "not ready" })?;
        for (i, breaker) in self.unready.iter().enumerate() {
            let snapshot = breaker.snapshot();
            let before = if i == 0 { ": " } else { ", " };
            write!(f, "{before}{} is {}", breaker.name().escape_debug(), snapshot.phase)?;
            if let Some(wait) = snapshot.retry_after {
                write!(f, " for another {wait:?}")?;
            }
        }
        Ok(())
    }
}

impl Registry {
    /// Whether the service can do its work, for readiness probes: it cannot while a breaker
    /// that is [`critical`](crate::Builder::critical) is open or forced open.
    ///
    /// A half-open breaker does not make it unready, and neither does one whose opening is
    /// over. An unready service gets no requests, so no request would be the probe that
    /// closes the breaker. If a [check](Breaker::probe_with) probes in place of requests, the
    /// service is unready until that has closed the breaker.
    ///
    /// ```
    /// use microbreaker_std::{Breaker, Registry, Settings};
    /// use std::time::Duration;
    ///
    /// let template = Breaker::builder("template").consecutive_failures(5);
    /// let registry = Registry::new(template.open_for(Duration::from_secs(30)))?;
    /// let critical = Settings { critical: Some(true), ..Settings::default() };
    /// registry.override_settings("database", critical)?;
    ///
    /// registry.get("search").trip();
    /// assert!(registry.health().is_ready());
    /// registry.get("database").force_open();
    /// assert_eq!(registry.health().to_string(), "not ready: database is forced_open");
    /// # Ok::<(), microbreaker_std::BuildError>(())
    /// ```
    #[must_use]
    pub fn health(&self) -> Health {
        let mut unready = self.list();
        unready.retain(|breaker| {
            breaker.inner().engines.settings(|settings| settings.critical == Some(true))
                && refuses_all(breaker)
        });
        Health { unready }
    }
}

/// Whether no request would be admitted, not even as a probe.
fn refuses_all(breaker: &Breaker) -> bool {
    match breaker.phase() {
        Phase::Open | Phase::ForcedOpen => true,
        Phase::HalfOpen => breaker.inner().telemetry.is_checked(),
        _ => false,
    }
}
