//! Changing a breaker's settings while it is in use.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use microbreaker::Phase;

use crate::breaker::Breaker;
use crate::clock::duration;
use crate::engine::Engine;
use crate::error::BuildError;
use crate::settings::{BadSetting, Settings};

/// What became of a breaker whose settings were changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reloaded {
    /// The settings are the same: nothing was touched.
    Unchanged,
    /// The settings are others.
    #[non_exhaustive]
    Changed {
        /// The phase, which is kept.
        phase: Phase,
        /// While open: how long it stays so, as long as it would have.
        retry_after: Option<Duration>,
        /// So many calls of the window, or finished probes, were forgotten:
        /// another window cannot hold them. Calls under way count nowhere.
        forgotten_calls: u32,
        /// The backoff that was forgotten: how often it had tripped from half-open.
        forgotten_backoff: u32,
    },
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Changed { phase, retry_after, forgotten_calls, forgotten_backoff } = self else {
            return f.write_str("unchanged");
        };
        write!(f, "changed, still {phase}")?;
        if let Some(wait) = retry_after {
            write!(f, " for another {wait:?}")?;
        }
        write!(f, "; forgot {forgotten_calls} calls")?;
        if *forgotten_backoff > 0 {
            write!(f, " and a backoff of level {forgotten_backoff}")?;
        }
        Ok(())
    }
}

/// The engines that a breaker has had, one for each of its settings.
///
/// Earlier ones are kept, because calls under way may use them and finding the
/// current one must not write: less than 1 KiB for each different settings.
pub(crate) struct Engines {
    first: Version,
    /// A `Turn`, as a word.
    current: AtomicUsize,
    /// One change at a time.
    changing: Mutex<()>,
}

/// Which engine is in use, and how often that has changed, modulo 2^16 or more: so
/// that who was refused by one that had been in use can tell, also if it is in use
/// again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn(usize);

impl Turn {
    const NUMBERS: usize = 1 << 16;

    /// Of the first engine, if calls need nothing beside it.
    const ALONE: Self = Self(0);

    const fn number(self) -> usize {
        self.0 % Self::NUMBERS
    }

    const fn next(self, number: usize) -> Self {
        let changes = self.0 - self.number();
        let changes = changes.wrapping_add(Self::NUMBERS);
        Self(if changes == 0 { Self::NUMBERS } else { changes } + number)
    }
}

struct Version {
    settings: Settings,
    engine: Engine,
    next: OnceLock<Box<Version>>,
}

impl Version {
    fn new(settings: Settings, engine: Engine) -> Self {
        Self { settings, engine, next: OnceLock::new() }
    }
}

impl Engines {
    /// `timed`: whether calls are timed beside the engine.
    pub(crate) fn new(settings: Settings, engine: Engine, timed: bool) -> Self {
        let first = Version::new(settings, engine);
        let turn = if timed { Turn::ALONE.next(0) } else { Turn::ALONE };
        Self { first, current: AtomicUsize::new(turn.0), changing: Mutex::new(()) }
    }

    #[inline]
    pub(crate) fn current(&self) -> Turn {
        // Pairs with the release that follows the making of the engine.
        Turn(self.current.load(Ordering::Acquire))
    }

    #[inline]
    pub(crate) fn engine(&self, turn: Turn) -> &Engine {
        &self.version(turn).engine
    }

    /// The engine, if calls need nothing beside it: it is the only one so far, and
    /// nobody times them.
    #[inline]
    pub(crate) fn alone(&self) -> Option<&Engine> {
        (self.current() == Turn::ALONE).then_some(&self.first.engine)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.version(self.current()).settings
    }

    #[inline]
    fn version(&self, turn: Turn) -> &Version {
        let mut version = &self.first;
        for _ in 0..turn.number() {
            version = version.next.get().expect("there are as many versions as their numbers say");
        }
        version
    }

    /// Does `command` to the current engine, also if that changes meanwhile.
    pub(crate) fn command<T>(&self, command: impl Fn(&Engine) -> T) -> T {
        loop {
            let turn = self.current();
            let done = command(self.engine(turn));
            if self.current() == turn {
                return done;
            }
        }
    }

    fn change(
        &self,
        settings: &Settings,
        make: impl Fn() -> Result<Engine, BadSetting>,
    ) -> Result<Reloaded, BadSetting> {
        // Whoever panicked in here left the old engine or the new one.
        let _guard = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = self.current();
        let old = self.version(turn);
        if old.settings == *settings {
            return Ok(Reloaded::Unchanged);
        }
        let (number, version) = self.version_of(settings, make)?;
        let (old, new) = (&old.engine, &version.engine);
        let before = old.snapshot();
        new.watch().quietly(|| carry(&before, new));
        new.watch().replaced(false);
        self.current.store(turn.next(number).0, Ordering::Release);
        // From here on every command finds the new one. What happened to the old
        // one since it was looked at is carried as well.
        old.watch().replaced(true);
        let after = old.snapshot();
        old.watch().quietly(|| old.force_open());
        if after.generation != before.generation {
            new.watch().quietly(|| carry(&after, new));
        }
        Ok(Reloaded::Changed {
            phase: after.phase,
            retry_after: after.retry_after.map(duration),
            forgotten_calls: after.tally.calls,
            forgotten_backoff: after.backoff_level,
        })
    }

    /// The version with these settings, in use or not, or a new one.
    fn version_of(
        &self,
        settings: &Settings,
        make: impl Fn() -> Result<Engine, BadSetting>,
    ) -> Result<(usize, &Version), BadSetting> {
        let (mut number, mut version) = (0, &self.first);
        while version.settings != *settings {
            version = match version.next.get() {
                Some(next) => next,
                None => {
                    let new = Version::new(settings.clone(), make()?);
                    version.next.get_or_init(|| Box::new(new))
                }
            };
            number += 1;
            if number == Turn::NUMBERS {
                return Err(BadSetting {
                    setting: "settings",
                    value: format!("the {number}th that this breaker has had"),
                    allowed: format!("one of the first {number}"),
                });
            }
        }
        Ok((number, version))
    }
}

/// Puts `engine` into the phase of `snapshot`, without passing through one that
/// admits calls where that does not.
fn carry(snapshot: &microbreaker::Snapshot, engine: &Engine) {
    match (snapshot.phase, snapshot.retry_after) {
        (Phase::Open, Some(left)) => engine.trip_for(left),
        (Phase::Open, None) => engine.trip(),
        (Phase::HalfOpen, _) => {
            engine.trip();
            engine.half_open().expect("an open breaker can become half-open by hand");
        }
        (Phase::ForcedOpen, _) => engine.force_open(),
        (Phase::Disabled, _) => engine.disable(),
        (Phase::MetricsOnly, _) => engine.metrics_only(),
        _ => engine.reset(),
    }
}

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
    /// The clock stays what it is. Calls under way count nowhere. Changes wait for each
    /// other, nothing else waits for them. A transition in the very moment of the change
    /// is told, but may not be kept. Each of the different settings that a breaker has
    /// had takes less than 1 KiB until it is dropped.
    ///
    /// # Errors
    ///
    /// The first setting that cannot work; the breaker goes on as before.
    pub fn reload(&self, settings: &Settings) -> Result<Reloaded, BuildError> {
        let changed = self.inner().engines.change(settings, || self.engine_of(settings));
        changed.map_err(|bad| BuildError { name: self.name().clone(), bad })
    }
}
