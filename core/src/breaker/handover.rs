//! Handing over to another breaker, which goes on where this one ends.

use super::Breaker;
use super::record::Ended;
use crate::clock::Clock;
use crate::config::{ConfigSource, Verdict};
use crate::event::{Observer, Outcome};
use crate::phase::Phase;
use crate::state::{Entered, Length, Probes, State, Word};
use crate::tally::Record;
use crate::token::Token;
use crate::window::Window;

/// What a breaker hands over to its successor: its tenure, and all that it counts beside
/// its window.
///
/// ```
/// use microbreaker::{Breaker, Clock, Config, Phase, config::ConfigSource};
///
/// /// A configuration that can be replaced.
/// struct Replaceable(Config);
/// impl ConfigSource for Replaceable {
///     const HANDS_OVER: bool = true;
///     fn config(&self) -> &Config {
///         &self.0
///     }
/// }
///
/// let of = |failures| {
///     let config = Config::new().consecutive_failures(failures).open_for(500);
///     Breaker::try_new(Replaceable(config), (), || 0, ())
/// };
/// let (old, mut new) = (of(5)?, of(3)?);
/// let permit = old.try_acquire().unwrap();
/// for _ in 0..2 {
///     let _ = old.call(|| Err::<(), _>("no answer"));
/// }
///
/// let handover = old.hand_over().expect("for the first time");
/// new.take_over(&handover);
/// assert!(old.retire(&handover), "nothing has happened since");
///
/// // The permit is valid for the successor.
/// let token = permit.into_token();
/// new.resume(token).failure();
/// assert_eq!(new.phase(), Phase::Open);
/// assert!(old.is_retired() && old.try_acquire().is_err());
/// # Ok::<(), microbreaker::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Handover {
    /// Settled.
    state: State,
    /// How its probes are counted.
    by_rate: bool,
    /// The tick from which the phase counts.
    since: u32,
    /// The length of an opening.
    length: u32,
    /// How many ticks a stay in half-open had lasted at `since`, if that is measured.
    stay: u32,
    /// By how many ticks a ramp is ahead of the phase.
    ahead: u32,
}

/// An outcome came too late for a breaker that was handed over. It has yet to be counted by
/// the successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the outcome has not been counted yet"]
pub struct Late {
    recorded: bool,
}

impl Late {
    /// Whether the window of the breaker that was handed over has recorded it.
    #[must_use]
    pub const fn is_recorded(self) -> bool {
        self.recorded
    }
}

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
    /// Returns what a successor takes over; `None` if this breaker was handed over
    /// already. Changes nothing. Lock-free.
    ///
    /// Valid only if [`retire`](Self::retire) then finds that nothing has happened since.
    #[must_use]
    pub fn hand_over(&self) -> Option<Handover> {
        let state = self.settled();
        if state.is_retired() {
            return None;
        }
        let (since, _) = self.time_in_phase(state);
        let stay = self.entered.stay_before(state.generation(), since);
        let length = if state.is(Phase::Open) { self.length(state, since) } else { 0 };
        let ramps = state.is(Phase::Closed) && state.is_ramping();
        let ahead = if ramps { self.ramp_ahead(state) } else { 0 };
        let by_rate = self.config().judges_by_rate();
        Some(Handover { state, by_rate, since, length, stay, ahead })
    }

    /// Enters the tenure of a predecessor, which reads the same clock, before any other
    /// thread can use this breaker. The observer is not told.
    ///
    /// Kept are the phase and since when it counts, the generation, so permits of the
    /// predecessor are valid here; the length of an opening; how far a ramp is; failures in a
    /// row; the backoff level; the probes that are out, and the finished ones unless they would decide by
    /// this configuration. The window starts empty, but for what [`Window::take_over`]
    /// leaves alone.
    pub fn take_over(&mut self, from: &Handover) {
        let state = from.state;
        let generation = state.generation();
        // A tag that a new window happens to have is overwritten first.
        self.word = Word::of(state.retired());
        self.take_window_over(state.retired().generation());
        let tick = from.since;
        self.entered = Entered::of(tick, generation, from.ahead);
        let state = match state.phase() {
            Phase::Closed | Phase::MetricsOnly => self.taken_closed(state),
            Phase::Open => self.taken_open(from),
            Phase::HalfOpen => {
                if self.config().longest_stay().is_some() {
                    self.entered = Entered::of_stay(tick, generation, from.stay);
                }
                let probes = self.undecided(state.probes(from.by_rate));
                state.with_probes(self.config().judges_by_rate(), probes)
            }
            Phase::ForcedOpen | Phase::Disabled => state,
        };
        self.word = Word::of(state);
        if !state.is(Phase::Open) {
            self.take_window_over(generation);
        }
    }

    fn take_window_over(&self, generation: u32) {
        self.window.take_over(self.tenure(generation), &self.reach());
    }

    /// Retires this breaker, unless something has happened since `handover` was taken.
    ///
    /// From then on it refuses every call and every command, and every outcome is
    /// [`Late`]. One compare-and-swap: whatever happens to this breaker comes
    /// before it, and was handed over, or after it, and has no effect. Wait-free.
    ///
    /// Does not compile unless the configuration source has
    /// [`HANDS_OVER`](ConfigSource::HANDS_OVER).
    #[must_use]
    pub fn retire(&self, handover: &Handover) -> bool {
        const { assert!(G::HANDS_OVER, "retire needs ConfigSource::HANDS_OVER") };
        self.word.swap(handover.state, handover.state.retired())
    }

    /// Whether this breaker was handed over. One load.
    #[must_use]
    #[inline]
    pub fn is_retired(&self) -> bool {
        G::HANDS_OVER && self.word.load().is_retired()
    }

    /// Ends a call like [`Gate::complete`](crate::Gate::complete). Lock-free.
    ///
    /// # Errors
    ///
    /// [`Late`] if this breaker was handed over: the observer was not told.
    #[inline]
    pub fn end(
        &self,
        token: Token,
        started: u32,
        took: Option<u32>,
        outcome: Outcome,
    ) -> Result<(), Late> {
        let generation = token.generation().into();
        if !W::SLOW && outcome == Outcome::Success && self.try_success(generation) {
            self.observer.outcome(outcome, false);
            return Ok(());
        }
        self.end_otherwise(token, started, took, outcome)
    }

    /// Out of line, so that a success that changes nothing stays in registers.
    #[inline(never)]
    fn end_otherwise(
        &self,
        token: Token,
        started: u32,
        took: Option<u32>,
        outcome: Outcome,
    ) -> Result<(), Late> {
        in_time(self.end_call(token, started, took, outcome))
    }

    /// Ends a call whose outcome was `late` for the predecessor with which this breaker
    /// shares its window. If it does not, use [`end`](Self::end). Lock-free.
    ///
    /// # Errors
    ///
    /// [`Late`] if this breaker was handed over, too.
    #[cold]
    pub fn end_late(
        &self,
        token: Token,
        started: u32,
        took: Option<u32>,
        outcome: Outcome,
        late: Late,
    ) -> Result<(), Late> {
        if !late.recorded {
            return self.end(token, started, took, outcome);
        }
        let (failed, weight) = match outcome {
            Outcome::Success | Outcome::Ignored => (false, 1),
            Outcome::Failure | Outcome::FailureOpenFor(_) => (true, 1),
            Outcome::WeightedFailure(weight) => (true, weight),
        };
        let demanded = matches!(outcome, Outcome::FailureOpenFor(ticks) if ticks > 0);
        in_time(self.told(token, outcome, || {
            let call = Record { failed, slow: self.is_slow(started, took), weight };
            self.count_recorded(token.generation().into(), call, demanded)
        }))
    }

    fn taken_closed(&self, state: State) -> State {
        let counts = self.config().counts_consecutive();
        let state = state.with_consecutive(if counts { state.consecutive() } else { 0 });
        let ramps = state.is(Phase::Closed) && state.is_ramping();
        if ramps && !self.config().has_ramp() { state.ramped() } else { state }
    }

    /// `Open` for as long as the predecessor would have been.
    fn taken_open(&mut self, from: &Handover) -> State {
        let Handover { state, by_rate, since, length, .. } = *from;
        let generation = state.generation();
        if !G::EXPLICIT_LENGTHS || length == self.config().opening(state.level(), generation, since)
        {
            let probes = state.reopened_by(by_rate).unwrap_or_default();
            return state.with_probes(self.config().judges_by_rate(), probes);
        }
        let (length, excess) = Length::round_up(length);
        self.entered = Entered::of(since, generation, excess);
        state.with_explicit_length(length)
    }

    /// `probes`, without those that have finished if they would decide: then the verdict is
    /// overdue, and no probe may be left to give it.
    fn undecided(&self, probes: Probes) -> Probes {
        match self.config().judge(probes) {
            Verdict::Undecided => probes,
            _ => Probes { out: probes.out, ..Probes::default() },
        }
    }
}

const fn in_time(ended: Ended) -> Result<(), Late> {
    match ended {
        Ended::Stale | Ended::Counted => Ok(()),
        Ended::Late => Err(Late { recorded: false }),
        Ended::LateRecorded => Err(Late { recorded: true }),
    }
}
