//! Following what several breakers of the same callee have decided together.

use super::Breaker;
use crate::clock::Clock;
use crate::command::Decision;
use crate::config::ConfigSource;
use crate::event::{Cause, Observer};
use crate::phase::Phase;
use crate::state::GENERATIONS;
use crate::window::Window;

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
    /// Carries out what several breakers of the same callee have decided together, with
    /// [`Cause::Fleet`]. Returns whether that was a transition, or began an opening afresh.
    ///
    /// A breaker that an operator has forced open, disabled or put into a dry run stays
    /// so. An opening that is under way keeps its length, so that hearing of it twice
    /// changes nothing. Lock-free.
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
    pub fn follow(&self, decision: Decision) -> bool {
        loop {
            let state = self.refresh(GENERATIONS).state;
            if G::HANDS_OVER && state.is_retired() {
                return false;
            }
            let due = state.is(Phase::Open) && self.ticks_left(state) == 0;
            let followed = match decision {
                Decision::OpenFor(1..) if state.is(Phase::Open) && !due => {
                    // The time left is valid only if a second load finds the state unchanged.
                    if self.word.load() == state {
                        return false;
                    }
                    continue;
                }
                Decision::OpenFor(ticks @ 1..)
                    if due || matches!(state.phase(), Phase::Closed | Phase::HalfOpen) =>
                {
                    // The window must not go untouched for two tenures in a row.
                    self.begin(state.generation());
                    let from_half_open = if due { state.half_open() } else { state };
                    self.open_from(state, from_half_open, ticks, Cause::Fleet)
                }
                Decision::Close if matches!(state.phase(), Phase::Open | Phase::HalfOpen) => {
                    self.transit(state, self.closing(state), Cause::Fleet)
                }
                _ => return false,
            };
            if followed {
                return true;
            }
        }
    }
}
