//! The breaker: acquiring, finishing, and control by hand.

use core::borrow::Borrow;
use core::fmt;

use crate::clock::{Clock, elapsed};
use crate::config::{Config, ConfigError};
use crate::error::{CallError, IllegalTransition, Rejected};
use crate::event::{Cause, Observer, Outcome, Transition};
use crate::permit::{InCall, Permit, Token};
use crate::phase::Phase;
use crate::state::{Demand, Entered, State, Word};
use crate::sync::const_fn;
use crate::window::{Tally, Tenure, Window};

/// A circuit breaker, shared through `&self`: put it into a `static`.
///
/// `W` is the window (`()` for none), `C` the clock, `O` the observer and `G`
/// where the configuration lives: in the breaker, or in flash.
///
/// No method waits, allocates or panics (the constructors may); each says how
/// it makes progress. They may be called from any thread and any interrupt
/// handler. Where the core has no compare-and-swap (Cortex-M0, RISC-V without
/// A), `portable-atomic` masks interrupts for each single word instead.
///
/// # Cost
///
/// 12 bytes, the window, and the configuration or a pointer to it.
pub struct Breaker<W: Window, C: Clock, O: Observer = (), G: Borrow<Config> = Config> {
    word: Word,
    entered: Entered,
    window: W,
    config: G,
    clock: C,
    observer: O,
}

/// What a state amounts to at a tick.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Admits every call.
    Admits,
    /// Refuses every call, for so many ticks if that is known.
    Refuses(Option<u32>),
    /// Open, and the opening is over.
    Due,
    /// Half-open: the probes decide.
    Probing,
    /// Half-open for so many ticks longer than it may be.
    Overdue(u32),
}

impl<W: Window, C: Clock> Breaker<W, C> {
    const_fn! {
        /// A closed breaker.
        ///
        /// # Panics
        ///
        /// If `config` is refused by [`Config::check`]; in a `static` or `const`
        /// that is a compile error.
        #[must_use]
        pub const fn new(config: Config, window: W, clock: C) -> Self {
            config.assert(W::CAPACITY);
            Self { word: Word::new(), entered: Entered::new(), window, config, clock, observer: () }
        }
    }
}

impl<W: Window, C: Clock, O: Observer> Breaker<W, C, O> {
    const_fn! {
        /// A closed breaker that tells `observer` what it does.
        ///
        /// # Panics
        ///
        /// As [`new`](Breaker::new).
        #[must_use]
        pub const fn observed(config: Config, window: W, clock: C, observer: O) -> Self {
            config.assert(W::CAPACITY);
            Self { word: Word::new(), entered: Entered::new(), window, config, clock, observer }
        }
    }
}

impl<W: Window, C: Clock, O: Observer> Breaker<W, C, O, &'static Config> {
    const_fn! {
        /// A closed breaker whose configuration stays where it is: in flash.
        ///
        /// # Panics
        ///
        /// As [`new`](Breaker::new).
        #[must_use]
        pub const fn in_flash(config: &'static Config, window: W, clock: C, observer: O) -> Self {
            config.assert(W::CAPACITY);
            Self { word: Word::new(), entered: Entered::new(), window, config, clock, observer }
        }
    }
}

impl<W: Window, C: Clock, O: Observer, G: Borrow<Config>> Breaker<W, C, O, G> {
    /// A closed breaker, if `config` can work.
    ///
    /// # Errors
    ///
    /// What [`Config::check`] says.
    pub fn try_new(config: G, window: W, clock: C, observer: O) -> Result<Self, ConfigError> {
        config.borrow().check(W::CAPACITY)?;
        Ok(Self { word: Word::new(), entered: Entered::new(), window, config, clock, observer })
    }

    /// Makes a guarded call: an `Err` is a failure, and so is unwinding.
    ///
    /// # Errors
    ///
    /// The call's own, or that it was refused and not made.
    #[inline]
    pub fn call<T, E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_classified(f, |result| match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failure,
        })
    }

    /// Makes a guarded call whose result `classify` turns into an outcome, so
    /// that an error which says nothing about what is guarded does not count.
    ///
    /// ```
    /// use microbreaker::{Breaker, Config, Outcome};
    /// # let breaker = Breaker::new(Config::new().consecutive_failures(1).open_for(9), (), || 0);
    /// let answer = breaker.call_classified(
    ///     || "x".parse::<u32>(),
    ///     |result| if result.is_ok() { Outcome::Success } else { Outcome::Ignored },
    /// );
    /// assert!(answer.is_err() && breaker.try_acquire().is_ok());
    /// ```
    ///
    /// # Errors
    ///
    /// The call's own, or that it was refused and not made.
    #[inline]
    pub fn call_classified<T, E>(
        &self,
        f: impl FnOnce() -> Result<T, E>,
        classify: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> Result<T, CallError<E>> {
        let in_call = InCall::new(self.try_acquire()?);
        let result = f();
        let outcome = classify(&result);
        in_call.finish(outcome);
        result.map_err(CallError::Failed)
    }

    /// Asks for leave to make one call.
    ///
    /// While closed this is one load and no clock is read. Lock-free.
    ///
    /// # Errors
    ///
    /// The breaker refuses, says in which phase, and for how long if it knows.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_, W, C, O, G>, Rejected> {
        let state = self.word.load();
        let generation =
            if state.is_closed() { state.generation() } else { self.acquire_unhealthy()? };
        Ok(Permit::new(self, Token::new(generation)))
    }

    /// Turns a token of this breaker into a permit again.
    pub const fn resume(&self, token: Token) -> Permit<'_, W, C, O, G> {
        Permit::new(self, token)
    }

    /// The phase now. An opening that is over reads as half-open.
    ///
    /// Changes nothing. Lock-free.
    #[must_use]
    pub fn phase(&self) -> Phase {
        loop {
            let state = self.word.load();
            if !state.is_settled() {
                return state.phase();
            }
            let phase = match self.standing(state) {
                Standing::Due => Phase::HalfOpen,
                Standing::Overdue(late) if late < self.config().opening() => Phase::Open,
                _ => state.phase(),
            };
            if self.word.load() == state {
                return phase;
            }
        }
    }

    /// What the window holds of the current tenure.
    ///
    /// Lock-free.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let tenure = Tenure::new(&self.word, self.word.load().generation());
        self.window.tally(tenure, self.config().last())
    }

    /// The observer.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// Opens by hand, for the normal time. An open breaker starts its opening
    /// anew, and nobody is notified. Lock-free.
    pub fn trip(&self) {
        loop {
            let state = self.settled();
            if self.transit(state, state.open(false), Cause::Manual, 0) {
                return;
            }
        }
    }

    /// Opens by hand for `ticks`, up to 2^31 - 256. Lock-free.
    pub fn trip_for(&self, ticks: u32) {
        while !self.open_for(self.settled(), ticks, Cause::Manual) {}
    }

    /// Lets probes through now instead of waiting for the opening to end.
    ///
    /// Lock-free.
    ///
    /// # Errors
    ///
    /// If the breaker is closed or disabled.
    pub fn half_open(&self) -> Result<(), IllegalTransition> {
        loop {
            let state = self.settled();
            match state.phase() {
                Phase::HalfOpen => match self.standing(state) {
                    Standing::Overdue(late) => self.expire(state, late),
                    _ => return Ok(()),
                },
                Phase::Open | Phase::ForcedOpen => {
                    if self.transit(state, state.half_open(), Cause::Manual, 0) {
                        return Ok(());
                    }
                }
                from @ (Phase::Closed | Phase::Disabled) => {
                    return Err(IllegalTransition { from, to: Phase::HalfOpen });
                }
            }
        }
    }

    /// Goes to a fresh `Closed`, from any phase: the window is emptied, and
    /// calls that are under way are stale. Lock-free.
    pub fn reset(&self) {
        self.command(|state| Some(state.closed()));
    }

    /// Refuses every call until told otherwise. Lock-free.
    pub fn force_open(&self) {
        self.command(|state| (state.phase() != Phase::ForcedOpen).then(|| state.forced_open()));
    }

    /// Admits every call and records nothing until told otherwise. Lock-free.
    pub fn disable(&self) {
        self.command(|state| (state.phase() != Phase::Disabled).then(|| state.disabled()));
    }

    fn command(&self, decide: impl FnMut(State) -> Option<State>) {
        if let Some((from, to)) = self.word.update(decide) {
            self.entered(from, to, Cause::Manual, 0);
        }
    }

    fn config(&self) -> &Config {
        self.config.borrow()
    }

    /// Swaps `from` for `to`, a new tenure; if that was won, settles and tells it.
    #[must_use]
    fn transit(&self, from: State, to: State, cause: Cause, rounded_by: u32) -> bool {
        let won = self.word.swap(from, to);
        if won {
            self.entered(from, to, cause, rounded_by);
        }
        won
    }

    /// What the winner of a transition does.
    fn entered(&self, from: State, to: State, cause: Cause, rounded_by: u32) {
        let tick = self.entered.settle(&self.word, to, rounded_by, || self.clock.now());
        self.window.begin(Tenure::new(&self.word, to.generation()));
        let (from, to, generation) = (from.phase(), to.phase(), to.generation());
        if from != to {
            self.observer.transition(&Transition { from, to, cause, generation, tick });
        }
    }

    /// The state, once it is known when it began.
    fn settled(&self) -> State {
        loop {
            let state = self.word.load();
            if !state.is_settled() {
                self.entered.settle(&self.word, state, 0, || self.clock.now());
            } else if state.has_own_length() && self.entered.length(state.generation()).is_none() {
                // Somebody is opening it anew and has replaced the length.
                let _ = self.transit(state, state.open(true), Cause::Manual, 0);
            } else {
                return state;
            }
        }
    }

    /// What `state`, a settled state, amounts to now. True if the state is
    /// still the same afterwards.
    fn standing(&self, state: State) -> Standing {
        match state.phase() {
            Phase::Closed | Phase::Disabled => Standing::Admits,
            Phase::ForcedOpen => Standing::Refuses(None),
            Phase::Open => {
                let length = match self.entered.length(state.generation()) {
                    Some(length) if state.has_own_length() => length.ticks(),
                    _ => self.config().opening(),
                };
                match length.saturating_sub(self.time_in_phase()) {
                    0 => Standing::Due,
                    left => Standing::Refuses(Some(left)),
                }
            }
            Phase::HalfOpen => match self.config().half_open_for() {
                None => Standing::Probing,
                Some(most) => match self.time_in_phase().checked_sub(most) {
                    None => Standing::Probing,
                    Some(late) => Standing::Overdue(late),
                },
            },
        }
    }

    fn time_in_phase(&self) -> u32 {
        let since = self.entered.tick();
        elapsed(self.clock.now(), since)
    }

    /// Opens for `ticks` instead of the configured time. False if `state` was
    /// no longer the state.
    #[must_use]
    fn open_for(&self, state: State, ticks: u32, cause: Cause) -> bool {
        match self.entered.demand(&self.word, state, ticks) {
            Demand::Published { rounded_by } => {
                self.transit(state, state.open(true), cause, rounded_by)
            }
            Demand::Stale => false,
        }
    }

    /// Ends a half-open `state` that is `late` ticks overdue: it has been open
    /// again since the deadline.
    fn expire(&self, state: State, late: u32) {
        let left = self.config().opening().saturating_sub(late);
        let _ = self.open_for(state, left, Cause::ProbeTimeout);
    }

    /// `try_acquire` where not every call is admitted. The permit's generation.
    #[cold]
    fn acquire_unhealthy(&self) -> Result<u8, Rejected> {
        loop {
            let state = self.settled();
            let left = match self.standing(state) {
                Standing::Admits => return Ok(state.generation()),
                Standing::Refuses(left) => left,
                Standing::Due => {
                    let probing = state.half_open().probe_out();
                    if self.transit(state, probing, Cause::OpeningOver, 0) {
                        return Ok(probing.generation());
                    }
                    continue;
                }
                Standing::Probing if self.has_probe(state) => {
                    if self.word.swap(state, state.probe_out()) {
                        return Ok(state.generation());
                    }
                    continue;
                }
                Standing::Probing => None,
                Standing::Overdue(late) => {
                    self.expire(state, late);
                    continue;
                }
            };
            if self.word.load() == state {
                let rejected = Rejected { phase: state.phase(), retry_after: left };
                self.observer.rejection(&rejected);
                return Err(rejected);
            }
        }
    }

    fn has_probe(&self, state: State) -> bool {
        state.out() + state.succeeded() + state.failed() < self.config().max_probes()
    }

    /// Ends a call of `generation` with `outcome`.
    #[inline]
    pub(crate) fn complete(&self, generation: u8, outcome: Outcome) {
        let recorded = if outcome == Outcome::Success && self.word.load().is_healthy(generation) {
            self.window.success(Tenure::new(&self.word, generation), self.config().last());
            true
        } else {
            self.complete_unhealthy(generation, outcome)
        };
        self.observer.outcome(outcome, !recorded);
    }

    /// False if the outcome is stale.
    #[cold]
    fn complete_unhealthy(&self, generation: u8, outcome: Outcome) -> bool {
        loop {
            let state = self.settled();
            if state.generation() != generation {
                return false;
            }
            let done = match state.phase() {
                Phase::Closed => match outcome {
                    Outcome::Ignored => true,
                    Outcome::Success => return self.succeeded(generation),
                    Outcome::Failure => return self.failed(generation),
                    Outcome::FailureOpenFor(ticks) => self.open_for(state, ticks, Cause::Demanded),
                },
                Phase::HalfOpen => match self.standing(state) {
                    Standing::Overdue(late) => {
                        self.expire(state, late);
                        false
                    }
                    _ => self.probed(state, outcome),
                },
                Phase::Disabled => true,
                Phase::Open | Phase::ForcedOpen => return false,
            };
            if done {
                return true;
            }
        }
    }

    /// Records a success in `Closed`, and ends a run of failures.
    fn succeeded(&self, generation: u8) -> bool {
        let tenure = Tenure::new(&self.word, generation);
        self.window.success(tenure, self.config().last());
        self.word.update(|state| {
            (state.generation() == generation && state.consecutive() > 0)
                .then(|| state.with_consecutive(0))
        });
        true
    }

    /// Records a failure in `Closed`, and trips if that meets a policy.
    fn failed(&self, generation: u8) -> bool {
        let config = self.config();
        let tenure = Tenure::new(&self.word, generation);
        let Some(tally) = self.window.failure(tenure, config.last()) else { return false };
        let met = config.met_by(tally);
        if met.is_none() && !config.counts_consecutive() {
            return true;
        }
        let update = self.word.update(|state| {
            if state.generation() != generation {
                return None;
            }
            let count = state.consecutive() + 1;
            let trips = met.is_some() || config.met_by_consecutive(count);
            Some(if trips { state.open(false) } else { state.with_consecutive(count) })
        });
        let Some((from, to)) = update else { return false };
        if !to.is_closed() {
            self.entered(from, to, met.unwrap_or(Cause::ConsecutiveFailures), 0);
        }
        true
    }

    /// Counts a probe, and decides if that settles it. False if `state` was no
    /// longer the state.
    fn probed(&self, state: State, outcome: Outcome) -> bool {
        if state.out() == 0 {
            // Only a permit that outlived a whole period of generations.
            return true;
        }
        let config = self.config();
        let success = match outcome {
            Outcome::Success => true,
            Outcome::Failure => false,
            Outcome::FailureOpenFor(ticks) => return self.open_for(state, ticks, Cause::Demanded),
            Outcome::Ignored => return self.word.swap(state, state.probe_back()),
        };
        let done = state.probe_done(success);
        if done.succeeded() >= config.needed() {
            self.transit(state, state.closed(), Cause::ProbesSucceeded, 0)
        } else if done.failed() > config.max_probes() - config.needed() {
            self.transit(state, state.open(false), Cause::ProbesFailed, 0)
        } else {
            self.word.swap(state, done)
        }
    }
}

/// Unpacks one load.
impl<W: Window, C: Clock, O: Observer, G: Borrow<Config>> fmt::Debug for Breaker<W, C, O, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Breaker").field(&self.word.load()).finish()
    }
}
