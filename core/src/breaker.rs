//! The breaker: constructors, guarded calls and queries.

mod acquire;
mod control;
mod follow;
mod handover;
mod outlook;
mod record;
mod time;
mod transition;

pub use self::outlook::Outlook;

use core::fmt;
use core::future::Future;
use core::mem;

pub use handover::{Handover, Late};
use record::Ended;

use crate::clock::{Clock, elapsed};
use crate::config::{Config, ConfigError, ConfigSource, ConstConfig, Fixed};
use crate::error::{CallError, Rejected};
use crate::event::{Lent, Observer, Outcome};
use crate::gate::{Gate, Permit};
use crate::phase::Phase;
use crate::snapshot::Snapshot;
use crate::state::{Entered, GENERATIONS, State, Word};
use crate::sync::const_fn;
use crate::tally::{Record, Tally};
use crate::token::Token;
use crate::window::{Reach, Tenure, Window};

/// A circuit breaker: stops calls to a callee that keeps failing, and probes for its
/// recovery.
///
/// It is shared through `&self`, so it can live in a `static`.
///
/// ```
/// use microbreaker::{Breaker, CallError, Config, Phase, clock::ManualClock};
///
/// static CLOCK: ManualClock = ManualClock::new(0);
/// static SENSOR: Breaker<(), &ManualClock> =
///     Breaker::new(Config::new().consecutive_failures(2).open_for(500), (), &CLOCK);
///
/// let unplugged = || Err::<u32, _>("no answer");
/// assert_eq!(SENSOR.call(unplugged), Err(CallError::Failed("no answer")));
/// assert_eq!(SENSOR.call(unplugged), Err(CallError::Failed("no answer")));
/// assert!(matches!(SENSOR.call(unplugged), Err(CallError::Rejected(_)))); // not made
///
/// CLOCK.advance(500);
/// assert_eq!(SENSOR.phase(), Phase::HalfOpen);
/// assert_eq!(SENSOR.call(|| Ok::<_, &str>(21)), Ok(21)); // the probe
/// assert_eq!(SENSOR.phase(), Phase::Closed);
/// ```
///
/// `W` is the window (`()` for none), `C` the clock, `O` the observer, and `G`
/// says where the configuration lives: in the breaker, in flash or in the type.
///
/// No method waits, allocates or panics (only constructors may panic); each one
/// documents its progress guarantee. Call them from any thread and any interrupt
/// handler. On cores without compare-and-swap (Cortex-M0, RISC-V without A),
/// `portable-atomic` masks interrupts during each single-word operation instead.
///
/// # Cost
///
/// 12 bytes, plus the window, plus the configuration or a pointer to it.
// This order keeps the fields that every call reads together.
#[repr(C)]
pub struct Breaker<W: Window, C: Clock, O: Observer = (), G: ConfigSource = Config> {
    word: Word,
    entered: Entered,
    window: W,
    config: G,
    clock: C,
    observer: O,
}

impl<W: Window, C: Clock> Breaker<W, C> {
    const_fn! {
        /// Creates a closed breaker.
        ///
        /// # Panics
        ///
        /// If [`Config::check`] refuses `config`; in a `static` or `const` that
        /// is a compile error.
        #[must_use]
        pub const fn new(config: Config, window: W, clock: C) -> Self {
            config.assert::<W>();
            Self::assemble(config, window, clock, ())
        }
    }
}

impl<W: Window, C: Clock, O: Observer> Breaker<W, C, O> {
    const_fn! {
        /// Creates a closed breaker that reports to `observer`.
        ///
        /// # Panics
        ///
        /// Like [`new`](Breaker::new).
        #[must_use]
        pub const fn observed(config: Config, window: W, clock: C, observer: O) -> Self {
            config.assert::<W>();
            Self::assemble(config, window, clock, observer)
        }
    }
}

impl<W: Window, C: Clock, O: Observer> Breaker<W, C, O, &'static Config> {
    const_fn! {
        /// Creates a closed breaker whose configuration stays in flash.
        ///
        /// # Panics
        ///
        /// Like [`new`](Breaker::new).
        #[must_use]
        pub const fn in_flash(config: &'static Config, window: W, clock: C, observer: O) -> Self {
            config.assert::<W>();
            Self::assemble(config, window, clock, observer)
        }
    }
}

impl<W: Window, C: Clock, O: Observer, S: ConstConfig> Breaker<W, C, O, Fixed<S>> {
    const_fn! {
        /// Creates a closed breaker whose configuration is part of its type.
        ///
        /// Does not compile if [`Config::check`] refuses the configuration.
        #[must_use]
        pub const fn fixed(window: W, clock: C, observer: O) -> Self {
            const { S::CONFIG.assert::<W>() };
            Self::assemble(Fixed::new(), window, clock, observer)
        }
    }
}

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
    const_fn! {
        /// Creates a closed breaker from a `config` already checked.
        const fn assemble(config: G, window: W, clock: C, observer: O) -> Self {
            Self { word: Word::new(), entered: Entered::new(), window, config, clock, observer }
        }
    }

    /// Creates a closed breaker if `config` is valid.
    ///
    /// # Errors
    ///
    /// The error of [`Config::check`].
    pub fn try_new(config: G, window: W, clock: C, observer: O) -> Result<Self, ConfigError> {
        config.config().check::<W>()?;
        Ok(Self::assemble(config, window, clock, observer))
    }

    /// Makes a guarded call. An `Err` or unwinding counts as a failure.
    ///
    /// # Errors
    ///
    /// The call's own error, or [`CallError::Rejected`] if it was refused and never made.
    #[inline]
    pub fn call<T, E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        Gate::call(self, f)
    }

    /// Makes a guarded call and lets `classify` turn its result into an outcome, so
    /// that an error that says nothing about the callee's health need not count.
    /// Unwinding counts as a failure.
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
    /// The call's own error, or [`CallError::Rejected`] if it was refused and never made.
    #[inline]
    pub fn call_classified<T, E>(
        &self,
        f: impl FnOnce() -> Result<T, E>,
        classify: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> Result<T, CallError<E>> {
        Gate::call_classified(self, f, classify)
    }

    /// Makes a guarded call of a future. An `Err` or unwinding counts as a failure.
    ///
    /// The first poll asks the breaker, and polls `call` only if it is admitted. Needs no
    /// runtime and allocates nothing: the future is as large as `call` and a permit.
    ///
    /// Put a time limit *inside*, where running out of it is the call's own failure. A
    /// limit around the guarded call drops it half-way, which abandons it: the permit is
    /// handed back and nothing is recorded, unless
    /// [`Config::abandoned_fails`](crate::Config::abandoned_fails) or
    /// [`Config::abandoned_by_time`](crate::Config::abandoned_by_time) is set.
    ///
    /// ```
    /// use core::future::ready;
    /// # use core::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// use microbreaker::{Breaker, CallError, Config};
    /// # fn block_on<T>(future: impl Future<Output = T>) -> T {
    /// #     let Poll::Ready(value) = pin!(future).poll(&mut Context::from_waker(Waker::noop())) else {
    /// #         unreachable!()
    /// #     };
    /// #     value
    /// # }
    ///
    /// static SENSOR: Breaker<(), fn() -> u32> =
    ///     Breaker::new(Config::new().consecutive_failures(1).open_for(500), (), || 0);
    ///
    /// let unplugged = || ready(Err::<u32, _>("no answer"));
    /// block_on(async {
    ///     let first = SENSOR.call_async(unplugged()).await;
    ///     assert_eq!(first, Err(CallError::Failed("no answer")));
    ///     let second = SENSOR.call_async(unplugged()).await;
    ///     assert!(matches!(second, Err(CallError::Rejected(_)))); // not made
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// The call's own error, or [`CallError::Rejected`] if it was refused and never made.
    ///
    /// # Panics
    ///
    /// If it is polled again after it has ended.
    #[inline]
    pub fn call_async<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, CallError<E>>> {
        Gate::call_async(self, call)
    }

    /// [`call_async`](Self::call_async) with a classifier that turns the result into an
    /// outcome.
    ///
    /// # Errors
    ///
    /// The call's own error, or [`CallError::Rejected`] if it was refused and never made.
    ///
    /// # Panics
    ///
    /// If it is polled again after it has ended.
    #[inline]
    pub fn call_async_classified<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        classify: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> impl Future<Output = Result<T, CallError<E>>> {
        Gate::call_async_classified(self, call, classify)
    }

    /// Returns the current phase. Once the opening is over it reads as half-open.
    ///
    /// Changes nothing. Lock-free.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.consistently(|state| self.apparent(state).0.phase())
    }

    /// Returns what the window holds of the current tenure; while open, what tripped the
    /// breaker: the previous tenure's window, or the probes.
    ///
    /// Lock-free.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.consistently(|state| self.tally_of(state))
    }

    /// Returns a consistent summary of the breaker. Changes nothing. Lock-free.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.consistently(|state| {
            let (state, left) = self.apparent(state);
            let by_rate = self.config().judges_by_rate();
            let (tally, least_calls) = match state.reopened_by(by_rate) {
                _ if state.is(Phase::HalfOpen) => (state.probes(by_rate).tally(), 1),
                Some(probes) => (probes.tally(), 1),
                None => (self.tally_of(state), self.config().least_calls()),
            };
            let watched = matches!(state.phase(), Phase::Closed | Phase::MetricsOnly);
            Snapshot {
                phase: state.phase(),
                generation: state.generation() as u8,
                in_phase_for: if state.is_settled() { self.time_in_phase(state).1 } else { 0 },
                retry_after: self.refuses_for(state, left),
                tally,
                rated: tally.calls >= least_calls,
                timed: self.config().looks_for_slow(),
                consecutive_failures: if watched { state.consecutive() } else { 0 },
                backoff_level: state.level(),
            }
        })
    }

    /// Returns the observer.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// Ends a call and tells the observer, unless the outcome is late.
    #[inline]
    fn end_call(&self, token: Token, started: u32, took: Option<u32>, outcome: Outcome) -> Ended {
        self.told(token, outcome, || {
            let generation = token.generation().into();
            let place = self.place(generation);
            let slow = self.is_slow(started, took);
            mem::forget(place);
            match outcome {
                Outcome::Success => {
                    self.finish(generation, Record { failed: false, slow, weight: 1 })
                }
                // A demand for 0 ticks is an ordinary failure.
                Outcome::Failure | Outcome::FailureOpenFor(0) => {
                    self.finish(generation, Record { failed: true, slow, weight: 1 })
                }
                Outcome::WeightedFailure(weight) => {
                    self.finish(generation, Record { failed: true, slow, weight })
                }
                Outcome::FailureOpenFor(ticks) => self.demand(generation, slow, ticks),
                Outcome::Ignored => self.hand_back(generation),
            }
        })
    }

    /// Ends a call by `end`, and tells the observer what became of it, unless that is
    /// still open.
    #[inline]
    fn told(&self, token: Token, outcome: Outcome, end: impl FnOnce() -> Ended) -> Ended {
        let lent = token.is_probe().then(|| Lent::before(&self.observer));
        let ended = end();
        if !G::HANDS_OVER || !ended.is_late() {
            let stale = ended == Ended::Stale;
            self.observer.outcome(outcome, stale);
            if let Some(lent) = lent {
                lent.end(outcome, stale);
            }
        } else if let Some(lent) = lent {
            lent.keep();
        }
        ended
    }

    /// Whether a call that began at tick `started` is slow by now. `took` replaces the clock
    /// if the caller measured the duration.
    #[inline]
    pub fn is_slow(&self, started: u32, took: Option<u32>) -> bool {
        W::SLOW && {
            let took = took.unwrap_or_else(|| elapsed(self.clock.now(), started));
            self.config().is_slow(took)
        }
    }

    #[inline]
    fn config(&self) -> &Config {
        self.config.config()
    }

    fn tenure(&self, generation: u32) -> Tenure<'_> {
        Tenure::new(&self.word, generation)
    }

    fn reach(&self) -> Reach<impl Fn() -> u32> {
        let reach = self.config().window_length().reach(|| self.clock.now());
        if W::LEAKY { reach.leaking(self.config().leak()) } else { reach }
    }

    /// Returns the result of `read` once a second load finds the state unchanged.
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
        self.window.tally(self.tenure(generation), &self.reach())
    }
}

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Gate for Breaker<W, C, O, G> {
    #[inline]
    fn try_acquire(&self) -> Result<Permit<'_, Self>, Rejected> {
        Breaker::try_acquire(self)
    }

    #[inline]
    fn complete(&self, token: Token, started: u32, took: Option<u32>, outcome: Outcome) {
        _ = self.end_call(token, started, took, outcome);
    }

    fn abandoned(&self, token: Token, started: u32, took: Option<u32>) -> Outcome {
        let held = self.held(token);
        let slow = self.is_slow(started, took);
        mem::forget(held);
        self.config().abandoned(slow, token.is_probe())
    }
}

/// Unpacks a single load.
impl<W: Window, C: Clock, O: Observer, G: ConfigSource> fmt::Debug for Breaker<W, C, O, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Breaker").field(&self.word.load()).finish()
    }
}
