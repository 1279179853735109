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
            let followed = match (decision, state.phase()) {
                (Decision::OpenFor(ticks @ 1..), Phase::Open) => {
                    if self.ticks_left(state) > 0 {
                        // Valid only if a second load finds the state unchanged.
                        if self.word.load() == state {
                            return false;
                        }
                        continue;
                    }
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
                // In a manual phase, as one that was handed over appears, too.
                _ => return false,
            };
            if followed {
                return true;
            }
        }
    }
}
