//! The breaker: acquiring, and what its phases amount to as time goes by.

mod control;
mod record;

use core::borrow::Borrow;
use core::fmt;

use crate::clock::{Clock, elapsed};
use crate::config::{AfterProbeTimeout, Config, ConfigError, ConstConfig, Fixed};
use crate::error::{CallError, Rejected};
use crate::event::{Cause, Observer, Outcome, Transition};
use crate::guard::Guard;
use crate::permit::{Permit, Token};
use crate::phase::Phase;
use crate::snapshot::Snapshot;
use crate::state::{Entered, Length, State, Word};
use crate::sync::const_fn;
use crate::window::{Call, Span, Tally, Tenure, Window};

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
    /// Half-open for longer than it may be.
    Overdue,
    /// Closing gradually: this share of calls is admitted, in percent.
    Ramping(u32),
    /// The ramp is over.
    Ramped,
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
            config.assert::<W>();
            Self::assemble(config, window, clock, ())
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
            config.assert::<W>();
            Self::assemble(config, window, clock, observer)
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
            config.assert::<W>();
            Self::assemble(config, window, clock, observer)
        }
    }
}

impl<W: Window, C: Clock, O: Observer, S: ConstConfig> Breaker<W, C, O, Fixed<S>> {
    const_fn! {
        /// A closed breaker whose configuration is part of its type.
        ///
        /// Does not compile if the configuration is refused by [`Config::check`].
        #[must_use]
        pub const fn fixed(window: W, clock: C, observer: O) -> Self {
            const { S::CONFIG.assert::<W>() };
            Self::assemble(Fixed::new(), window, clock, observer)
        }
    }
}

impl<W: Window, C: Clock, O: Observer, G: Borrow<Config>> Breaker<W, C, O, G> {
    const_fn! {
        /// A closed breaker of a `config` that has been checked.
        const fn assemble(config: G, window: W, clock: C, observer: O) -> Self {
            Self { word: Word::new(), entered: Entered::new(), window, config, clock, observer }
        }
    }

    /// A closed breaker, if `config` can work.
    ///
    /// # Errors
    ///
    /// What [`Config::check`] says.
    pub fn try_new(config: G, window: W, clock: C, observer: O) -> Result<Self, ConfigError> {
        config.borrow().check::<W>()?;
        Ok(Self::assemble(config, window, clock, observer))
    }

    /// Makes a guarded call: an `Err` is a failure, and so is unwinding.
    ///
    /// # Errors
    ///
    /// The call's own, or that it was refused and not made.
    #[inline]
    pub fn call<T, E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        Guard::call(self, f)
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
        Guard::call_classified(self, f, classify)
    }

    /// Asks for leave to make one call.
    ///
    /// While closed this is one load, and no clock is read unless slow calls
    /// are watched. Lock-free.
    ///
    /// # Errors
    ///
    /// The breaker refuses, says in which phase, and for how long if it knows.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_, Self>, Rejected> {
        let state = self.word.load();
        let generation =
            if state.is_closed() { state.generation() } else { self.acquire_unhealthy()? };
        Ok(self.resume(Token::new(generation)))
    }

    /// Turns a token of this breaker into a permit again.
    ///
    /// Where slow calls are watched the call counts as started now; say how
    /// long it took with [`Permit::took`].
    pub fn resume(&self, token: Token) -> Permit<'_, Self> {
        let started = if W::SLOW { self.clock.now() } else { 0 };
        Permit::new(self, token, started)
    }

    /// The phase now. An opening that is over reads as half-open.
    ///
    /// Changes nothing. Lock-free.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.consistently(|state| self.outlook(state).0)
    }

    /// What the window holds of the current tenure; while the breaker is open,
    /// what tripped it: the window of the tenure before, or the probes.
    ///
    /// Lock-free.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.consistently(|state| self.tally_of(state))
    }

    /// The breaker at a glance. Changes nothing. Lock-free.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.consistently(|state| {
            let (phase, retry_after) = self.outlook(state);
            let by_rate = self.config().judges_by_rate();
            let (tally, least_calls) = match state.phase() {
                // Nobody has entered the phase that it reads as.
                before if before != phase => (Tally::default(), 1),
                Phase::HalfOpen => (state.probes(by_rate).tally(), 1),
                _ if state.reopened_by(by_rate).is_some() => (self.tally_of(state), 1),
                _ => (self.tally_of(state), self.config().least_calls()),
            };
            let watched = matches!(state.phase(), Phase::Closed | Phase::MetricsOnly);
            Snapshot {
                phase,
                generation: state.generation(),
                in_phase_for: if state.is_settled() { self.time_in_phase(state).1 } else { 0 },
                retry_after,
                tally,
                rated: tally.calls > 0 && tally.calls >= least_calls,
                consecutive_failures: if watched { state.consecutive() } else { 0 },
                backoff_level: state.level(),
            }
        })
    }

    /// The observer.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    #[inline]
    fn config(&self) -> &Config {
        self.config.borrow()
    }

    fn tenure(&self, generation: u8) -> Tenure<'_> {
        Tenure::new(&self.word, generation)
    }

    fn span(&self) -> Span<impl Fn() -> u32 + '_> {
        Span {
            last_calls: self.config().last(),
            bucket: self.config().bucket_ticks(),
            now: || self.clock.now(),
        }
    }

    /// What `read` makes of a state that is still the same afterwards.
    fn consistently<T>(&self, read: impl Fn(State) -> T) -> T {
        loop {
            let state = self.word.load();
            let seen = read(state);
            if self.word.load() == state {
                return seen;
            }
        }
    }

    fn tally_of(&self, state: State) -> Tally {
        if let Some(probes) = state.reopened_by(self.config().judges_by_rate()) {
            return probes.tally();
        }
        let open = matches!(state.phase(), Phase::Open);
        let generation = state.generation().wrapping_sub(open as u8);
        self.window.tally(self.tenure(generation), &self.span())
    }

    /// Swaps `from` for `to`, a new tenure; if that was won, settles and tells it.
    #[must_use]
    fn transit(&self, from: State, to: State, cause: Cause) -> bool {
        let won = self.word.swap(from, to);
        if won {
            self.entered(from, to, cause, 0);
        }
        won
    }

    /// Opens for `ticks` instead of the configured time. False if `from` was no
    /// longer the state.
    #[must_use]
    fn open_for(&self, from: State, ticks: u32, cause: Cause) -> bool {
        let (length, excess) = Length::round_up(ticks);
        let to = from.open_for(length);
        let won = self.word.swap(from, to);
        if won {
            self.entered(from, to, cause, excess);
        }
        won
    }

    /// What the winner of a transition does. `excess` are the ticks by which
    /// the opening's own length was rounded up.
    fn entered(&self, from: State, to: State, cause: Cause, excess: u32) {
        let generation = to.generation();
        let tick = self.settle(to);
        if excess > 0 {
            self.entered.publish_excess(&self.word, generation, excess);
        }
        let (from, to) = (from.phase(), to.phase());
        // What tripped it can be looked at while it is open.
        if from == Phase::Open || to != Phase::Open {
            self.window.begin(self.tenure(generation), &self.span());
        }
        if from != to {
            self.observer.transition(&Transition { from, to, cause, generation, tick });
        }
    }

    fn settle(&self, unsettled: State) -> u32 {
        self.entered.settle(&self.word, unsettled, || self.clock.now())
    }

    /// The state, once it is known when it began.
    fn settled(&self) -> State {
        loop {
            let state = self.word.load();
            if state.is_settled() {
                return state;
            }
            self.settle(state);
        }
    }

    /// What `state`, a settled state, amounts to now. True if the state is
    /// still the same afterwards.
    fn standing(&self, state: State) -> Standing {
        match state.phase() {
            Phase::Closed if state.is_ramping() => {
                let (_, ticks) = self.time_in_phase(state);
                self.config().share_after(ticks).map_or(Standing::Ramped, Standing::Ramping)
            }
            Phase::Closed | Phase::Disabled | Phase::MetricsOnly => Standing::Admits,
            Phase::ForcedOpen => Standing::Refuses(None),
            Phase::Open => {
                let (since, ticks) = self.time_in_phase(state);
                let length = match state.own_length() {
                    Some(rounded) => {
                        rounded.ticks().saturating_sub(self.entered.excess(state.generation()))
                    }
                    None => self.config().opening(state.level(), state.generation(), since),
                };
                match length.saturating_sub(ticks) {
                    0 => Standing::Due,
                    left => Standing::Refuses(Some(left)),
                }
            }
            Phase::HalfOpen => {
                let Some(most) = self.config().half_open_for() else { return Standing::Probing };
                let (_, ticks) = self.time_in_phase(state);
                if ticks < most { Standing::Probing } else { Standing::Overdue }
            }
        }
    }

    /// The phase as it reads now, and for how many ticks it refuses if known.
    fn outlook(&self, state: State) -> (Phase, Option<u32>) {
        if !state.is_settled() {
            return (state.phase(), None);
        }
        match self.standing(state) {
            Standing::Refuses(left) => (state.phase(), left),
            Standing::Due => (Phase::HalfOpen, None),
            Standing::Overdue => match self.config().next_after_probe_timeout() {
                AfterProbeTimeout::Open => match self.standing(state.open_overdue()) {
                    Standing::Refuses(left) => (Phase::Open, left),
                    _ => (Phase::HalfOpen, None),
                },
                AfterProbeTimeout::FreshProbes => (Phase::HalfOpen, None),
                AfterProbeTimeout::Close => (Phase::Closed, None),
            },
            _ => (state.phase(), None),
        }
    }

    /// The tick at which the phase began, and the ticks since.
    fn time_in_phase(&self, state: State) -> (u32, u32) {
        let since = self.entered.tick();
        let ticks = elapsed(self.clock.now(), since);
        match self.config().half_open_for() {
            Some(most) if state.is_overdue() => {
                (since.wrapping_add(most), ticks.saturating_sub(most))
            }
            _ => (since, ticks),
        }
    }

    /// Ends a half-open `state` that is overdue.
    fn expire(&self, state: State) {
        let next = match self.config().next_after_probe_timeout() {
            AfterProbeTimeout::Open => state.open_overdue(),
            AfterProbeTimeout::FreshProbes => state.half_open(),
            AfterProbeTimeout::Close => self.closing(state),
        };
        let _ = self.transit(state, next, Cause::ProbeTimeout);
    }

    /// `state` closed by its probes: gradually, if so configured.
    fn closing(&self, state: State) -> State {
        let closed = state.closed();
        if self.config().has_ramp() { closed.ramping() } else { closed }
    }

    /// `try_acquire` where not every call is admitted. The permit's generation.
    #[cold]
    fn acquire_unhealthy(&self) -> Result<u8, Rejected> {
        let config = self.config();
        let by_rate = config.judges_by_rate();
        loop {
            let state = self.settled();
            // The state that gives a permit, if it is swapped in.
            let mut admitting = state;
            let mut retry_after = None;
            let mut admits = true;
            let mut cause = None;
            match self.standing(state) {
                Standing::Admits => return Ok(state.generation()),
                Standing::Refuses(left) => {
                    retry_after = left;
                    admits = false;
                }
                Standing::Due => {
                    admitting = state.half_open();
                    cause = Some(Cause::OpeningOver);
                }
                Standing::Probing => {}
                Standing::Overdue => {
                    self.expire(state);
                    continue;
                }
                Standing::Ramped => admitting = state.ramped(),
                Standing::Ramping(share) => {
                    let credit = state.credit() + share;
                    admits = credit >= 100;
                    admitting = state.with_credit(if admits { credit - 100 } else { credit });
                }
            }
            if admitting.phase() == Phase::HalfOpen {
                let mut probes = admitting.probes(by_rate);
                admits = config.has_probe_beside(probes);
                if admits {
                    probes.out += 1;
                    admitting = admitting.with_probes(by_rate, probes);
                }
            }
            let same = match cause {
                Some(cause) => self.transit(state, admitting, cause),
                None if admitting == state => self.word.load() == state,
                None => self.word.swap(state, admitting),
            };
            if same && admits {
                return Ok(admitting.generation());
            }
            if same {
                let rejected = Rejected { phase: state.phase(), retry_after };
                self.observer.rejection(&rejected);
                return Err(rejected);
            }
        }
    }
}

impl<W: Window, C: Clock, O: Observer, G: Borrow<Config>> Guard for Breaker<W, C, O, G> {
    #[inline]
    fn try_acquire(&self) -> Result<Permit<'_, Self>, Rejected> {
        Breaker::try_acquire(self)
    }

    #[inline]
    fn complete(&self, token: Token, started: u32, took: Option<u32>, outcome: Outcome) {
        let generation = token.generation();
        let slow = W::SLOW && {
            let took = took.unwrap_or_else(|| elapsed(self.clock.now(), started));
            self.config().is_slow(took)
        };
        let call = Call { failed: !matches!(outcome, Outcome::Success), slow };
        let recorded = if !call.counts_against() && self.word.load().is_healthy(generation) {
            self.window.record(self.tenure(generation), &self.span(), call).is_some()
        } else {
            self.complete_unhealthy(generation, outcome, call)
        };
        self.observer.outcome(outcome, !recorded);
    }

    fn abandoned(&self) -> Outcome {
        if self.config().does_abandoned_fail() { Outcome::Failure } else { Outcome::Ignored }
    }
}

/// Unpacks one load.
impl<W: Window, C: Clock, O: Observer, G: Borrow<Config>> fmt::Debug for Breaker<W, C, O, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Breaker").field(&self.word.load()).finish()
    }
}
