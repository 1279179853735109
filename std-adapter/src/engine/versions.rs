//! Which engine of a breaker is in use.
//!
//! A reload replaces the engine in three steps: it names a successor, which has taken over
//! all that the engine holds; it retires the engine by one compare-and-swap, which fails if
//! anything has happened since and then all begins again; and it puts the successor in its
//! place. The second step is the moment of the reload. Before it, nobody uses the successor.
//! After it, the engine answers nothing, and who still finds it goes to the successor, which
//! was named before: nobody waits for the third step.
//!
//! After the first reload, a thread remembers the version that it has last used, and asks
//! nobody while that is not retired. So a call writes nothing shared, and an engine is freed
//! once no thread remembers it.

use std::ops::Deref;
use std::sync::{Arc, PoisonError};

use microbreaker::handover::Late;
use microbreaker::window::Window;
use microbreaker::{Command, IllegalTransition, Outcome, Rejected, Token};

use super::{Core, Engine, Windows};
use crate::settings::{Mode, Settings, mode};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Hint, Mutex, MutexGuard, Swapped, Taken};

/// The engine in use, of the versions that a breaker has had.
pub(crate) struct Engines {
    /// Kept, so that until the first reload a call finds it without remembering anything.
    first: Version,
    /// Whether the first may be in use. A hint: if it is out of date, the first is found
    /// retired.
    is_first: AtomicBool,
    /// Whether moreover calls need nothing beside it.
    alone: AtomicBool,
    line: Swapped<Line>,
    /// The version that each thread has last used.
    known: Hint<Version>,
    /// One change at a time.
    changing: Mutex<()>,
}

/// An engine, and what it was made from.
pub(crate) struct Version {
    pub(super) settings: Settings,
    pub(crate) engine: Engine,
    /// Whether calls are timed beside the engine.
    pub(crate) timed: bool,
    pub(super) windows: Windows,
}

/// A call that needs nothing beside an engine.
///
/// It is compiled for each kind of core from its beginning to its end: so it stays in registers.
pub(crate) trait Direct: Sized {
    type Done;

    /// Makes the call through `core`, that of `version`, or otherwise if that was retired.
    fn through(self, core: &Core<impl Window>, version: &Version) -> Self::Done;

    /// Makes the call by a permit.
    fn otherwise(self) -> Self::Done;
}

/// Who serves, and who is next.
struct Line {
    /// `None`: the first.
    serving: Option<Arc<Version>>,
    /// Serves as soon as the other is retired; named before that.
    successor: Option<Arc<Version>>,
}

/// A version that was in use when it was found.
#[derive(Clone)]
pub(super) enum Found<'a> {
    First(&'a Version),
    Later(Arc<Version>),
}

impl Found<'_> {
    fn is(&self, serving: Option<&Arc<Version>>) -> bool {
        match (self, serving) {
            (Self::First(_), None) => true,
            (Self::Later(version), Some(serving)) => Arc::ptr_eq(version, serving),
            _ => false,
        }
    }
}

impl Deref for Found<'_> {
    type Target = Version;

    fn deref(&self) -> &Version {
        match self {
            Self::First(version) => version,
            Self::Later(version) => version,
        }
    }
}

/// Permission to make one call, which must be ended. Valid whichever engine is in use by
/// then.
#[derive(Clone, Copy)]
pub(crate) struct Grant {
    token: Token,
    /// The tick of its issue, if the core times calls.
    started: Option<u32>,
}

impl Grant {
    /// Of an engine that does not time calls.
    pub(crate) const fn untimed(token: Token) -> Self {
        Self { token, started: None }
    }

    #[inline]
    pub(super) const fn timed(token: Token, started: u32) -> Self {
        Self { token, started: Some(started) }
    }

    #[inline]
    const fn started(self) -> u32 {
        match self.started {
            Some(tick) => tick,
            None => 0,
        }
    }

    /// How long the call took, if `took` or only this grant knows: it has no beginning, so
    /// it was not slow.
    #[inline]
    const fn took(self, took: Option<u32>) -> Option<u32> {
        if took.is_none() && self.started.is_none() { Some(0) } else { took }
    }
}

/// An outcome that came too late for a version.
pub(crate) struct Missed {
    late: Late,
    windows: Windows,
}

impl Version {
    /// Whether calls need nothing beside the engine, of one of the kinds that most breakers
    /// have.
    #[inline]
    pub(crate) const fn is_direct(&self) -> bool {
        !self.timed && matches!(self.engine, Engine::Plain(_) | Engine::Count(_) | Engine::Time(_))
    }

    /// Makes `call`, if the engine is of one of the kinds that most breakers have.
    #[inline(always)]
    fn directly<D: Direct>(&self, call: D) -> D::Done {
        match &self.engine {
            Engine::Plain(core) => call.through(core, self),
            Engine::Count(core) => call.through(core, self),
            Engine::Time(core) => call.through(core, self),
            _ => call.otherwise(),
        }
    }

    /// Ends the call of `grant`.
    #[inline]
    fn end(&self, grant: Grant, took: Option<u32>, outcome: Outcome) -> Result<(), Missed> {
        let took = grant.took(took);
        let ended = self.engine.end(grant.token, grant.started(), took, outcome);
        ended.map_err(|late| self.missed(late))
    }

    /// Ends the call of `grant`, which a predecessor has missed.
    fn end_late(
        &self,
        grant: Grant,
        took: Option<u32>,
        outcome: Outcome,
        missed: &Missed,
    ) -> Result<(), Missed> {
        let Missed { late, windows } = missed;
        if !Arc::ptr_eq(&windows.window, &self.windows.window) {
            let in_bucket = late.is_recorded() && self.has_bucket_of(windows);
            return self.end(grant, took, if in_bucket { weightless(outcome) } else { outcome });
        }
        let took = grant.took(took);
        let ended = self.engine.end_late(grant.token, grant.started(), took, outcome, *late);
        ended.map_err(|late| self.missed(late))
    }

    fn has_bucket_of(&self, others: &Windows) -> bool {
        let both = self.windows.bucket.as_ref().zip(others.bucket.as_ref());
        both.is_some_and(|(own, other)| Arc::ptr_eq(own, other))
    }

    #[cold]
    pub(crate) fn missed(&self, late: Late) -> Missed {
        Missed { late, windows: self.windows.clone() }
    }
}

/// An outcome that has raised the bucket already, and has yet to enter the window. A success
/// has no weight to take away: it lowers the bucket again.
const fn weightless(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failure | Outcome::WeightedFailure(_) => Outcome::WeightedFailure(0),
        other => other,
    }
}

impl Engines {
    pub(crate) fn new(first: Version) -> Self {
        let line = Swapped::new(Line { serving: None, successor: None });
        let alone = AtomicBool::new(first.is_direct());
        let is_first = AtomicBool::new(true);
        Self { first, is_first, alone, line, known: Hint::new(), changing: Mutex::new(()) }
    }

    /// Makes `call` of the version that this thread would use, if calls need nothing beside
    /// its engine and it is in use.
    #[inline(always)]
    pub(crate) fn directly<D: Direct>(&self, call: D) -> D::Done {
        if self.alone.load(Ordering::Relaxed) {
            return self.first.directly(call);
        }
        match self.known() {
            Some(known) if known.is_direct() => known.directly(call),
            // Known no longer while this is held.
            other => {
                drop(other);
                call.otherwise()
            }
        }
    }

    /// The first version, if it may be in use.
    #[inline]
    fn first(&self) -> Option<&Version> {
        self.is_first.load(Ordering::Relaxed).then_some(&self.first)
    }

    /// The version that this thread has last used, if any: in use if it is not retired.
    #[inline]
    pub(crate) fn known(&self) -> Option<Taken<'_, Version>> {
        self.known.take()
    }

    /// The version in use.
    pub(super) fn in_use(&self) -> Found<'_> {
        let mut found = self.serving(&self.line.load());
        while found.engine.is_retired() {
            // Only now: a successor that was named before may have been given up.
            let line = self.line.load();
            match &line.successor {
                Some(successor) if found.is(line.serving.as_ref()) => {
                    return Found::Later(successor.clone());
                }
                _ => found = self.serving(&line),
            }
        }
        found
    }

    fn serving(&self, line: &Line) -> Found<'_> {
        line.serving.clone().map_or(Found::First(&self.first), Found::Later)
    }

    /// The version in use, which this thread then knows.
    fn found(&self) -> Found<'_> {
        let found = self.in_use();
        if let Found::Later(version) = &found {
            self.known.set(version.clone());
        }
        found
    }

    /// What `ask` gets from the engine in use. Asks again if it returns `None`, which it
    /// must only do if the engine is retired.
    #[inline]
    fn ask<T>(&self, ask: impl Fn(&Engine) -> Option<T>) -> T {
        let answer = match self.first() {
            Some(first) => ask(&first.engine),
            None => self.known().and_then(|known| ask(&known.engine)),
        };
        answer.unwrap_or_else(|| self.ask_again(ask))
    }

    #[cold]
    fn ask_again<T>(&self, ask: impl Fn(&Engine) -> Option<T>) -> T {
        loop {
            if let Some(answer) = ask(&self.found().engine) {
                return answer;
            }
        }
    }

    /// What `ask` gets from the engine in use. A retired engine refuses, which is no answer.
    #[inline]
    fn ask_unless_retired<T, E>(&self, ask: impl Fn(&Engine) -> Result<T, E>) -> Result<T, E> {
        self.ask(|engine| match ask(engine) {
            Err(_) if engine.is_retired() => None,
            answer => Some(answer),
        })
    }

    /// What `read` finds in the engine in use.
    pub(crate) fn read<T>(&self, read: impl Fn(&Engine) -> T) -> T {
        self.ask(|engine| {
            let seen = read(engine);
            // Not retired by now, so it was in use until now.
            (!engine.is_retired()).then_some(seen)
        })
    }

    pub(crate) fn settings<T>(&self, read: impl FnOnce(&Settings) -> T) -> T {
        read(&self.in_use().settings)
    }

    /// [`acquire`](Self::acquire) from the first engine, if that has a window as most have:
    /// all in registers. `None` if another has to be asked.
    #[inline(always)]
    pub(crate) fn acquire_at_once(&self) -> Result<Grant, Option<Rejected>> {
        let engine = self.first().map(|first| &first.engine).ok_or(None)?;
        engine.acquire_at_once().map_err(|rejected| rejected.filter(|_| !engine.is_retired()))
    }

    /// Asks the engine in use for permission to make one call.
    pub(crate) fn acquire(&self) -> Result<Grant, Rejected> {
        self.ask_unless_retired(Engine::try_acquire)
    }

    /// The same for a caller that waits: a rejection is not reported.
    pub(crate) fn acquire_quietly(&self) -> Result<Grant, Rejected> {
        self.ask_unless_retired(Engine::try_acquire_quietly)
    }

    /// Ends the call of `grant`, which took `took` ticks if the caller knows better
    /// than the clock.
    #[inline]
    pub(crate) fn end(&self, grant: Grant, took: Option<u32>, outcome: Outcome) {
        let Some(Version { engine, .. }) = self.first() else {
            return self.end_otherwise(grant, took, outcome);
        };
        if let Err(late) = engine.end(grant.token, grant.started(), grant.took(took), outcome) {
            self.end_late(grant, took, outcome, Some(self.first.missed(late)));
        }
    }

    #[inline(never)]
    fn end_otherwise(&self, grant: Grant, took: Option<u32>, outcome: Outcome) {
        let ended = match self.known() {
            Some(known) => known.end(grant, took, outcome).map_err(Some),
            None => Err(None),
        };
        if let Err(missed) = ended {
            self.end_late(grant, took, outcome, missed);
        }
    }

    /// Ends the call of `grant`, which the version that this thread knew has missed.
    #[cold]
    pub(crate) fn end_late(
        &self,
        grant: Grant,
        took: Option<u32>,
        outcome: Outcome,
        mut missed: Option<Missed>,
    ) {
        loop {
            let version = self.found();
            let ended = match &missed {
                Some(missed) => version.end_late(grant, took, outcome, missed),
                None => version.end(grant, took, outcome),
            };
            match ended {
                Ok(()) => return,
                Err(again) => missed = Some(again),
            }
        }
    }

    /// How the call of `grant` ends if it is abandoned.
    pub(crate) fn abandoned(&self, grant: Grant, took: Option<u32>) -> Outcome {
        self.read(|engine| engine.abandoned(grant.token, grant.started(), grant.took(took)))
    }

    /// Whether the call of `grant` is slow by now.
    #[cfg(any(all(feature = "http", feature = "tower"), feature = "reqwest"))]
    pub(crate) fn is_slow(&self, grant: Grant) -> bool {
        self.read(|engine| engine.is_slow(grant.started(), grant.took(None)))
    }

    /// Gives `command` to the engine in use.
    pub(crate) fn command(&self, command: Command) -> Result<(), IllegalTransition> {
        self.ask_unless_retired(|engine| engine.status().command(command))
    }

    /// Has the engine in use follow `decision`.
    #[cfg(feature = "fleet")]
    pub(crate) fn follow(&self, decision: microbreaker::Decision) -> bool {
        self.ask(|engine| {
            let followed = engine.follow(decision);
            (followed || !engine.is_retired()).then_some(followed)
        })
    }

    /// Enters `mode`, unless it is closed and the breaker works for real already.
    pub(crate) fn enter(&self, mode: Mode) {
        if mode != Mode::Closed || !mode::works(self.read(|engine| engine.status().phase())) {
            // Any phase allows it.
            _ = self.command(mode.command());
        }
    }

    /// Lets one thread at a time change engines, until the guard is dropped.
    pub(super) fn change(&self) -> MutexGuard<'_, ()> {
        // A thread that panicked while it held this has retired no engine.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names the successor of `serving`, which serves once that is retired.
    pub(super) fn name(&self, serving: &Found<'_>, successor: &Arc<Version>) {
        let serving = match serving {
            Found::First(_) => None,
            Found::Later(version) => Some(version.clone()),
        };
        self.line.store(Line { serving, successor: Some(successor.clone()) });
    }

    /// Puts `successor` in the place of the one that was retired.
    pub(super) fn install(&self, successor: Arc<Version>) {
        self.line.store(Line { serving: Some(successor), successor: None });
        self.alone.store(false, Ordering::Relaxed);
        self.is_first.store(false, Ordering::Relaxed);
    }
}
