//! Acquiring: which calls are admitted.

use core::mem;

use super::Breaker;
use super::time::Look;
use crate::clock::Clock;
use crate::config::ConfigSource;
use crate::error::Rejected;
use crate::event::{Cause, Lent, Observer};
use crate::gate::Permit;
use crate::phase::Phase;
use crate::state::{GENERATIONS, State};
use crate::token::Token;
use crate::window::Window;

/// The answer to a request for permission: two plain words, so that it is returned in
/// registers.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) state: State,
    /// 0 if the call is admitted, else the ticks until it is worth asking again, `u32::MAX`
    /// if unknown.
    pub(super) ticks: u32,
}

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
    /// Asks for permission to make one call.
    ///
    /// While closed this costs one load, and reads the clock only if slow calls
    /// are watched. Lock-free.
    ///
    /// # Errors
    ///
    /// [`Rejected`], with the phase that refused the call and, if known, the ticks until it
    /// is worth asking again.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_, Self>, Rejected> {
        let mut state = self.word.load();
        if !state.is_closed() {
            let answer = self.acquire_unhealthy();
            state = answer.state;
            if answer.ticks > 0 {
                let known = answer.ticks != u32::MAX;
                let retry_after = known.then_some(answer.ticks);
                let rejected = Rejected { phase: state.phase(), retry_after };
                self.observer.rejection(&rejected);
                return Err(rejected);
            }
        }
        Ok(self.resume(Token::new(state)))
    }

    /// Turns a token from this breaker back into a permit.
    ///
    /// If slow calls are watched, the call counts as started now; set its real
    /// duration with [`Permit::took`].
    pub fn resume(&self, token: Token) -> Permit<'_, Self> {
        if !W::SLOW {
            return Permit::new(self, token);
        }
        // Not the permit, which would read the clock again when it is dropped.
        let held = self.held(token);
        let now = self.clock.now();
        mem::forget(held);
        Permit::new(self, token).started_at(now)
    }

    /// The slow path of `try_acquire`, for states that may not admit every call.
    #[cold]
    pub(super) fn acquire_unhealthy(&self) -> Answer {
        loop {
            let Look { state, left, reading } = self.refresh(GENERATIONS);
            let due = state.is(Phase::Open) && left == 0;
            if due || state.is(Phase::HalfOpen) && self.has_room_for_probe(state) {
                let Some(lent) = Lent::by(&self.observer) else {
                    // Another state may need no leave.
                    if self.word.load() == state {
                        let state = if due { state.half_open() } else { state };
                        return Answer { state, ticks: u32::MAX };
                    }
                    continue;
                };
                let first = self.config().has_one_probe();
                let probing = state.with_probe_out(self.config().judges_by_rate(), first);
                if self.transit_as_of(reading, state, probing, Cause::OpeningOver) {
                    lent.keep();
                    return Answer { state: probing, ticks: 0 };
                }
                continue;
            }
            let refuses = state.is(Phase::Open)
                || state.is(Phase::HalfOpen)
                || G::MANUAL_PHASES && state.is(Phase::ForcedOpen)
                || G::HANDS_OVER && state.is_retired();
            if !refuses {
                if !self.config().has_ramp() || !state.is_ramping() || !state.is(Phase::Closed) {
                    return Answer { state, ticks: 0 };
                }
                match self.acquire_ramping(state) {
                    Some(answer) => return answer,
                    None => continue,
                }
            }
            // `left` is valid only if a second load finds the state unchanged.
            if self.word.load() == state {
                return Answer { state, ticks: left };
            }
        }
    }

    pub(super) fn has_room_for_probe(&self, state: State) -> bool {
        self.config().has_room_for_probe(state.probes(self.config().judges_by_rate()))
    }

    /// Answers a caller in `Closed` that may be ramping. `None` if the state is no longer
    /// `state`.
    #[cold]
    #[inline(never)]
    fn acquire_ramping(&self, state: State) -> Option<Answer> {
        let ticks = self.time_on_ramp(state);
        let (to, admits) = match self.config().share_after(ticks) {
            None => (state.ramped(), true),
            Some(share) => {
                let credit = state.credit() + share;
                let admits = credit >= 100;
                (state.with_credit(if admits { credit - 100 } else { credit }), admits)
            }
        };
        let ticks = if admits { 0 } else { u32::MAX };
        let swapped = self.word.swap(state, to);
        if swapped {
            self.observer.admission_changed(to.generation() as u8);
        }
        swapped.then_some(Answer { state: to, ticks })
    }
}
