//! The breaker: acquiring, and what its phases amount to as time goes by.

mod control;
mod record;

use core::fmt;

use crate::clock::{Clock, elapsed};
use crate::config::{AfterProbeTimeout, Config, ConfigError, ConfigSource, ConstConfig, Fixed};
use crate::error::{CallError, Rejected};
use crate::event::{Cause, Observer, Outcome, Transition};
use crate::guard::Guard;
use crate::permit::{Permit, Token};
use crate::phase::Phase;
use crate::snapshot::Snapshot;
use crate::state::{Entered, GENERATIONS, Length, State, Word};
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
// In this order, so that what every call reads lies together.
#[repr(C)]
pub struct Breaker<W: Window, C: Clock, O: Observer = (), G: ConfigSource = Config> {
    word: Word,
    entered: Entered,
    window: W,
    config: G,
    clock: C,
    observer: O,
}

/// What comes of asking for leave: two plain words, so that they are returned
/// in registers.
#[derive(Clone, Copy)]
struct Answer {
    state: State,
    /// Ticks for which `state` refuses; 0 if it admits, `u32::MAX` if unknown.
    refused_for: u32,
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

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
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
        config.config().check::<W>()?;
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
        let mut state = self.word.load();
        if !state.is_closed() {
            let answer = self.acquire_unhealthy();
            state = answer.state;
            if answer.refused_for > 0 {
                let known = answer.refused_for != u32::MAX;
                let retry_after = known.then_some(answer.refused_for);
                let rejected = Rejected { phase: state.phase(), retry_after };
                self.observer.rejection(&rejected);
                return Err(rejected);
            }
        }
        Ok(self.resume(Token::new(state.generation())))
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
                generation: state.generation() as u8,
                in_phase_for: if state.is_settled() { self.time_in_phase(state).1 } else { 0 },
                retry_after,
                tally,
                rated: tally.calls >= least_calls,
                timed: self.config().looks_for_slow(),
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
        self.config.config()
    }

    fn tenure(&self, generation: u32) -> Tenure<'_> {
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
        let generation = state.generation().wrapping_sub(open as u32) % GENERATIONS;
        self.window.tally(self.tenure(generation), &self.span())
    }

    /// Swaps `from` for `to`, a new tenure; if that was won, settles and tells it.
    #[inline(never)]
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
        if !G::OWN_LENGTHS {
            return self.transit(from, from.open(), cause);
        }
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
        self.settle();
        let tick = self.clock.now();
        if excess != 0 {
            self.entered.publish_excess(&self.word, generation, excess);
        }
        let (from, to) = (from.phase(), to.phase());
        if from != to {
            let generation = generation as u8;
            self.observer.transition(&Transition { from, to, cause, generation, tick });
        }
    }

    fn begin(&self, generation: u32) {
        self.window.begin(self.tenure(generation), &self.span());
    }

    /// The state, once it is known when it began.
    fn settled(&self) -> State {
        let state = self.word.load();
        if state.is_settled() { state } else { self.settle() }
    }

    fn settle(&self) -> State {
        // The window begins before anybody can leave the tenure; but what tripped
        // it can be looked at while it is open.
        let begin = |state: State| {
            if !state.is(Phase::Open) {
                self.begin(state.generation());
            }
        };
        self.entered.settle(&self.word, || self.clock.now(), begin, G::OWN_LENGTHS)
    }

    /// The state, settled and not overdue, and for how long it refuses every
    /// call: 0 if it does not, or if it is open and due. Where `generation` is
    /// over it is just the state, settled.
    ///
    /// True if the state is still the same afterwards.
    #[cfg_attr(target_os = "none", inline(never))]
    #[cfg_attr(not(target_os = "none"), inline(always))]
    fn live(&self, generation: u32) -> Answer {
        loop {
            let state = self.settled();
            if state.generation() != generation && generation != GENERATIONS {
                return Answer { state, refused_for: 0 };
            }
            let mut refused_for =
                if G::OVERRIDES && state.is(Phase::ForcedOpen) { u32::MAX } else { 0 };
            if state.is(Phase::Open) || state.is(Phase::HalfOpen) {
                let left = self.left(state);
                if state.is(Phase::Open) {
                    refused_for = left;
                } else if left == 0 {
                    self.expire(state);
                    continue;
                }
            }
            return Answer { state, refused_for };
        }
    }

    /// Ticks until `state`, open or half-open and settled, is over by itself:
    /// 0 if it is, `u32::MAX` if it never will be.
    ///
    /// True if the state is still the same afterwards.
    #[inline(always)]
    fn left(&self, state: State) -> u32 {
        let (since, ticks) = self.time_in_phase(state);
        let length = match state.own_length() {
            _ if state.is(Phase::HalfOpen) => self.config().half_open_for().unwrap_or(u32::MAX),
            Some(rounded) if G::OWN_LENGTHS => {
                rounded.ticks().saturating_sub(self.entered.excess(state.generation()))
            }
            _ => self.config().opening(state.level(), state.generation(), since),
        };
        if length == u32::MAX { length } else { length.saturating_sub(ticks) }
    }

    /// The phase as it reads now, and for how many ticks it refuses if known.
    fn outlook(&self, state: State) -> (Phase, Option<u32>) {
        let phase = state.phase();
        let can_end = matches!(phase, Phase::Open | Phase::HalfOpen);
        if !can_end || !state.is_settled() {
            return (phase, None);
        }
        match self.left(state) {
            left if left > 0 => (phase, (phase == Phase::Open).then_some(left)),
            _ if phase == Phase::Open => (Phase::HalfOpen, None),
            _ => match self.config().next_after_probe_timeout() {
                AfterProbeTimeout::Open => match self.left(state.open_overdue()) {
                    0 => (Phase::HalfOpen, None),
                    left => (Phase::Open, Some(left)),
                },
                AfterProbeTimeout::FreshProbes => (Phase::HalfOpen, None),
                AfterProbeTimeout::Close => (Phase::Closed, None),
            },
        }
    }

    /// The tick at which the phase began, and the ticks since.
    #[inline]
    fn time_in_phase(&self, state: State) -> (u32, u32) {
        let since = self.entered.tick();
        let ticks = elapsed(self.clock.now(), since);
        if state.is_overdue()
            && let Some(most) = self.config().half_open_for()
        {
            return (since.wrapping_add(most), ticks.saturating_sub(most));
        }
        (since, ticks)
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

    /// Ends a call of `generation`. False if the outcome is stale.
    #[inline]
    fn finish(&self, generation: u32, call: Call) -> bool {
        let healthy = !call.counts_against() && self.word.load().is_healthy(generation);
        healthy && self.window.is_quiet(self.tenure(generation), &self.span())
            || self.count(generation, call, healthy)
    }

    /// `try_acquire` where not every call is admitted.
    #[cold]
    fn acquire_unhealthy(&self) -> Answer {
        loop {
            let Answer { state, mut refused_for } = self.live(GENERATIONS);
            if refused_for == 0 {
                let due = state.is(Phase::Open);
                if !due && !state.is(Phase::HalfOpen) {
                    if !self.config().has_ramp() || !state.is_ramping() || !state.is(Phase::Closed)
                    {
                        return Answer { state, refused_for };
                    }
                    match self.acquire_ramping(state) {
                        Some(answer) => return answer,
                        None => continue,
                    }
                }
                let probing = if due { state.half_open() } else { state };
                if self.has_probe_beside(probing) {
                    let to = probing.with_probe_out();
                    let won = if due {
                        self.transit(state, to, Cause::OpeningOver)
                    } else {
                        self.word.swap(state, to)
                    };
                    if won {
                        return Answer { state: to, refused_for };
                    }
                    continue;
                }
                refused_for = u32::MAX;
            }
            // What was read belongs to the state only if it is the same.
            if self.word.load() == state {
                return Answer { state, refused_for };
            }
        }
    }

    fn has_probe_beside(&self, state: State) -> bool {
        self.config().has_probe_beside(state.probes(self.config().judges_by_rate()))
    }

    /// Asks a `Closed` state that may be ramping. `None` if it was no longer the
    /// state.
    #[cold]
    #[inline(never)]
    fn acquire_ramping(&self, state: State) -> Option<Answer> {
        let (_, ticks) = self.time_in_phase(state);
        let (to, admits) = match self.config().share_after(ticks) {
            None => (state.ramped(), true),
            Some(share) => {
                let credit = state.credit() + share;
                let admits = credit >= 100;
                (state.with_credit(if admits { credit - 100 } else { credit }), admits)
            }
        };
        let refused_for = if admits { 0 } else { u32::MAX };
        self.word.swap(state, to).then_some(Answer { state: to, refused_for })
    }
}

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Guard for Breaker<W, C, O, G> {
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
        let recorded = match outcome {
            Outcome::Success => self.finish(generation, Call { failed: false, slow }),
            Outcome::Failure => self.finish(generation, Call { failed: true, slow }),
            Outcome::FailureOpenFor(ticks) => self.demand(generation, slow, ticks),
            Outcome::Ignored => self.hand_back(generation),
        };
        self.observer.outcome(outcome, !recorded);
    }

    fn abandoned(&self) -> Outcome {
        if self.config().does_abandoned_fail() { Outcome::Failure } else { Outcome::Ignored }
    }
}

/// Unpacks one load.
impl<W: Window, C: Clock, O: Observer, G: ConfigSource> fmt::Debug for Breaker<W, C, O, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Breaker").field(&self.word.load()).finish()
    }
}
