//! Following what several breakers of the same callee have decided together.

use super::Breaker;
use crate::clock::Clock;
use crate::command::Decision;
use crate::config::ConfigSource;
use crate::event::{Cause, Observer};
use crate::phase::Phase;
use crate::state::{GENERATIONS, MAX_AHEAD, State};
use crate::window::Window;

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
    /// Carries out what several breakers of the same callee have decided together, with
    /// [`Cause::Fleet`]. Returns whether that was a transition, or began an opening afresh.
    ///
    /// A breaker that an operator has forced open, disabled or put into a dry run stays
    /// so. An opening that is under way keeps its length, and a ramp goes on where it is, so
    /// that hearing of a decision twice changes nothing. Lock-free.
    ///
    /// ```
    /// use microbreaker::{Breaker, Config, Decision, Phase};
    ///
    /// let breaker = Breaker::new(Config::new().consecutive_failures(3).open_for(500), (), || 0);
    /// assert!(breaker.follow(Decision::OpenFor(200)));
    /// assert!(!breaker.follow(Decision::OpenFor(400)));
    /// assert_eq!(breaker.snapshot().retry_after, Some(200));
    /// assert!(breaker.follow(Decision::Close));
    /// assert_eq!(breaker.phase(), Phase::Closed);
    /// ```
    ///
    /// One that hears late that the others have closed:
    ///
    /// ```
    /// use microbreaker::{Breaker, Config, Decision};
    ///
    /// let config = Config::new().consecutive_failures(3).open_for(500).ramp([10, 50], 1_000);
    /// let breaker = Breaker::new(config, (), || 0);
    /// breaker.trip();
    /// assert!(breaker.follow(Decision::CloseAsOf(1_200)));
    /// let now = breaker.outlook();
    /// assert_eq!((now.ramp_step, now.changes_in), (Some(1), Some(800)));
    /// ```
    pub fn follow(&self, decision: Decision) -> bool {
        loop {
            let state = self.refresh(GENERATIONS).state;
            let goes_on = match (decision, state.phase()) {
                (Decision::OpenFor(1..), Phase::Open) => self.ticks_left(state) > 0,
                (Decision::CloseAsOf(_), Phase::Closed) => self.ramp(state).is_some(),
                _ => false,
            };
            if goes_on {
                // Valid only if a second load finds the state unchanged.
                if self.word.load() == state {
                    return false;
                }
                continue;
            }
            let followed = match (decision, state.phase()) {
                (Decision::OpenFor(ticks @ 1..), Phase::Open) => {
                    // The window must not go untouched for two tenures in a row.
                    self.begin(state.generation());
                    // It is over, so this is a recovery that has failed.
                    self.open_from(state, state.half_open(), ticks, Cause::Fleet)
                }
                (Decision::OpenFor(ticks @ 1..), Phase::Closed | Phase::HalfOpen) => {
                    self.open_for(state, ticks, Cause::Fleet)
                }
                (Decision::Close, Phase::Open | Phase::HalfOpen) => {
                    self.transit(state, self.closing(state), Cause::Fleet)
                }
                (Decision::CloseAsOf(ticks), Phase::Open | Phase::HalfOpen) => {
                    self.close_as_of(state, ticks)
                }
                (Decision::CloseAsOf(ticks), Phase::Closed)
                    if self.config().share_after(ticks).is_some() =>
                {
                    self.close_as_of(state, ticks)
                }
                // In a manual phase, as one that was handed over appears, too.
                _ => return false,
            };
            if followed {
                return true;
            }
        }
    }

    /// Closes, with the ramp where it is `ticks` after it began.
    fn close_as_of(&self, from: State, ticks: u32) -> bool {
        match self.config().share_after(ticks) {
            Some(_) => {
                let ahead = if G::EXPLICIT_LENGTHS { ticks.min(MAX_AHEAD) } else { 0 };
                self.transit_with(from, self.closing(from), Cause::Fleet, ahead)
            }
            None => self.transit(from, from.closed(), Cause::Fleet),
        }
    }
}
