//! Control by hand.

use core::borrow::Borrow;

use super::{Breaker, Standing};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::IllegalTransition;
use crate::event::{Cause, Observer};
use crate::phase::Phase;
use crate::state::State;
use crate::window::Window;

impl<W: Window, C: Clock, O: Observer, G: Borrow<Config>> Breaker<W, C, O, G> {
    /// Opens by hand, for the normal time. An open breaker starts its opening
    /// anew, and nobody is notified. Lock-free.
    pub fn trip(&self) {
        loop {
            let state = self.settled();
            if self.transit(state, state.open(), Cause::Manual) {
                return;
            }
        }
    }

    /// Opens by hand for `ticks`, up to 2^31 - 1. Lock-free.
    pub fn trip_for(&self, ticks: u32) {
        while !self.open_for(self.settled(), ticks, Cause::Manual) {}
    }

    /// Lets probes through now instead of waiting for the opening to end.
    ///
    /// Lock-free.
    ///
    /// # Errors
    ///
    /// If the breaker is closed, disabled or records metrics only.
    pub fn half_open(&self) -> Result<(), IllegalTransition> {
        loop {
            let state = self.settled();
            match state.phase() {
                Phase::HalfOpen => match self.standing(state) {
                    Standing::Overdue => self.expire(state),
                    // What was read belongs to the state only if it is the same.
                    _ if self.word.load() == state => return Ok(()),
                    _ => {}
                },
                Phase::Open | Phase::ForcedOpen => {
                    if self.transit(state, state.half_open(), Cause::Manual) {
                        return Ok(());
                    }
                }
                from @ (Phase::Closed | Phase::Disabled | Phase::MetricsOnly) => {
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

    /// A dry run: admits and records every call, and tells the observer when
    /// the breaker would have tripped, until told otherwise. Lock-free.
    pub fn metrics_only(&self) {
        self.command(|state| (state.phase() != Phase::MetricsOnly).then(|| state.metrics_only()));
    }

    fn command(&self, decide: impl FnMut(State) -> Option<State>) {
        if let Some((from, to)) = self.word.update(decide) {
            self.entered(from, to, Cause::Manual, 0);
        }
    }
}
