//! Acquiring: who is admitted.

use core::mem;

use super::Breaker;
use super::time::Answer;
use crate::clock::Clock;
use crate::config::ConfigSource;
use crate::error::Rejected;
use crate::event::{Cause, Observer};
use crate::gate::Permit;
use crate::phase::Phase;
use crate::state::{GENERATIONS, State};
use crate::token::Token;
use crate::window::Window;

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
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
        Ok(self.resume(Token::new(state)))
    }

    /// Turns a token of this breaker into a permit again.
    ///
    /// Where slow calls are watched the call counts as started now; say how
    /// long it took with [`Permit::took`].
    pub fn resume(&self, token: Token) -> Permit<'_, Self> {
        // There is a permit before the clock is read, which may panic.
        let permit = Permit::new(self, token);
        if W::SLOW { permit.started_at(self.clock.now()) } else { permit }
    }

    /// `try_acquire` where not every call is admitted.
    #[cold]
    fn acquire_unhealthy(&self) -> Answer {
        loop {
            let Answer { state, mut refused_for } = self.refresh(GENERATIONS);
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
                if due || self.has_probe_beside(state) {
                    match self.give_probe(state) {
                        Some(state) => return Answer { state, refused_for },
                        None => continue,
                    }
                }
                // Until a probe that is out is overdue.
                refused_for = self.ticks_left(state);
                if refused_for == 0 {
                    continue;
                }
            }
            // What was read belongs to the state only if it is the same.
            if self.word.load() == state {
                return Answer { state, refused_for };
            }
        }
    }

    /// The state after one more probe was given out. `None` if `state` was no longer
    /// the state.
    fn give_probe(&self, state: State) -> Option<State> {
        let probing = state.with_probe_out(self.config().judges_by_rate());
        let won = self.word.swap(state, probing);
        won.then(|| {
            // If the clock or the observer panics.
            let place = Place { breaker: self, generation: probing.generation() };
            self.entered(state, probing, Cause::OpeningOver, 0);
            mem::forget(place);
            probing
        })
    }

    pub(super) fn has_probe_beside(&self, state: State) -> bool {
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

/// The place of a probe for which there is no permit yet: dropped, it is handed back.
struct Place<'a, W: Window, C: Clock, O: Observer, G: ConfigSource> {
    breaker: &'a Breaker<W, C, O, G>,
    generation: u32,
}

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Drop for Place<'_, W, C, O, G> {
    fn drop(&mut self) {
        self.breaker.hand_back(self.generation);
    }
}
