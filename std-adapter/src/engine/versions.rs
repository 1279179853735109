//! The engines that a breaker has had, and which of them is in use.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use microbreaker::{Command, IllegalTransition, Outcome, Rejected, Token};

use super::Engine;
use crate::settings::{SettingError, Settings};

/// The engines that a breaker has had, one for each of its distinct settings.
///
/// Earlier ones are kept, because calls under way may use them and a call must not have
/// to write to find the current one. Each takes up to 1.1 KiB.
pub(crate) struct Engines {
    first: Version,
    /// A `Turn`, as a word.
    current: AtomicUsize,
    /// One change at a time.
    changing: Mutex<()>,
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

/// Which engine is in use, and how often that has changed, modulo 2^16 or more.
/// A refused caller compares turns: if they differ, the engine was replaced
/// meanwhile and it must ask again. The count tells it so even if the same
/// engine is in use again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn(usize);

impl Turn {
    const NUMBERS: usize = 1 << 16;

    /// The turn of the first engine, if calls need nothing beside it.
    const ALONE: Self = Self(0);

    const fn number(self) -> usize {
        self.0 % Self::NUMBERS
    }

    pub(super) const fn next(self, number: usize) -> Self {
        let changes = self.0 - self.number();
        let changes = changes.wrapping_add(Self::NUMBERS);
        Self(if changes == 0 { Self::NUMBERS } else { changes } + number)
    }
}

/// Permission to make one call, which must be ended.
#[derive(Clone, Copy)]
pub(crate) struct Grant {
    /// The turn of the engine that gave it.
    turn: Turn,
    token: Token,
    /// The tick of its issue, if the core times calls.
    started: u32,
}

impl Engines {
    /// `timed` says whether calls are timed beside the engine.
    pub(crate) fn new(settings: Settings, engine: Engine, timed: bool) -> Self {
        let first = Version::new(settings, engine);
        let turn = if timed { Turn::ALONE.next(0) } else { Turn::ALONE };
        Self { first, current: AtomicUsize::new(turn.0), changing: Mutex::new(()) }
    }

    #[inline]
    pub(super) fn current(&self) -> Turn {
        // Acquire: pairs with the release in `switch_to`, so that the engine is
        // there for every thread that sees its turn.
        Turn(self.current.load(Ordering::Acquire))
    }

    #[inline]
    pub(super) fn engine(&self, turn: Turn) -> &Engine {
        &self.version(turn).engine
    }

    /// The engine in use.
    #[inline]
    pub(crate) fn in_use(&self) -> &Engine {
        self.engine(self.current())
    }

    /// The engine, if calls need nothing beside it: it is the only one so far, and
    /// calls are not timed beside it.
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
            version = version.next.get().expect("a turn has the number of a version");
        }
        version
    }

    /// Asks the engine in use for permission to make one call.
    #[inline]
    pub(crate) fn acquire(&self) -> Result<Grant, Rejected> {
        loop {
            let turn = self.current();
            match self.engine(turn).try_acquire() {
                Ok((token, started)) => return Ok(Grant { turn, token, started }),
                // An engine that was replaced refuses every call, so ask its successor.
                Err(_) if self.current() != turn => {}
                Err(rejected) => return Err(rejected),
            }
        }
    }

    /// Ends the call of `grant`, which took `took` ticks if the caller knows better
    /// than the clock.
    #[inline]
    pub(crate) fn end(&self, grant: Grant, took: Option<u32>, outcome: Outcome) {
        self.engine(grant.turn).complete(grant.token, grant.started, took, outcome);
    }

    /// How the call of `grant` ends if it is abandoned.
    pub(crate) fn abandoned(&self, grant: Grant, took: Option<u32>) -> Outcome {
        self.engine(grant.turn).abandoned(grant.token, grant.started, took)
    }

    /// Gives `command` to the engine in use, and again to its successor if it is
    /// replaced meanwhile.
    pub(crate) fn command(&self, command: Command) -> Result<(), IllegalTransition> {
        loop {
            let turn = self.current();
            let done = self.engine(turn).status().command(command);
            if self.current() == turn {
                return done;
            }
        }
    }

    /// Has the engine in use follow `decision`, and its successor if it is replaced
    /// meanwhile.
    #[cfg(feature = "fleet")]
    pub(crate) fn follow(&self, decision: microbreaker::Decision) -> bool {
        loop {
            let turn = self.current();
            let followed = self.engine(turn).follow(decision);
            if self.current() == turn {
                return followed;
            }
        }
    }

    /// Lets one thread at a time change engines, until the guard is dropped.
    pub(super) fn change(&self) -> MutexGuard<'_, ()> {
        // A thread that panicked while it held this left the old engine or the
        // new one in use.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses the engine of `turn` from now on.
    pub(super) fn switch_to(&self, turn: Turn) {
        // Release: pairs with the acquire in `current`.
        self.current.store(turn.0, Ordering::Release);
    }

    /// The number of the version with these settings: an earlier one, or a new one made
    /// by `make`.
    pub(super) fn number_of(
        &self,
        settings: &Settings,
        make: impl Fn() -> Result<Engine, SettingError>,
    ) -> Result<usize, SettingError> {
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
                return Err(SettingError {
                    setting: "settings",
                    value: format!("the {number}th that this breaker has had"),
                    allowed: format!("one of the first {number}"),
                });
            }
        }
        Ok(number)
    }
}
