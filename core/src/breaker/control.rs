//! Control by hand.

use super::Breaker;
use crate::clock::Clock;
use crate::config::ConfigSource;
use crate::error::IllegalTransition;
use crate::event::{Cause, Observer};
use crate::phase::Phase;
use crate::state::{GENERATIONS, State};
use crate::window::Window;

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
    /// Opens by hand, for the configured time. An open breaker starts its opening
    /// anew, and no observer is notified. Lock-free.
    pub fn trip(&self) {
        self.open_by_hand(|state| self.transit(state, state.open(), Cause::Manual));
    }

    /// Opens by hand for `ticks`, up to 2^31 - 1; 0 demands nothing, and changes
    /// nothing. Lock-free.
    pub fn trip_for(&self, ticks: u32) {
        const { assert!(G::EXPLICIT_LENGTHS, "trip_for needs ConstConfig::EXPLICIT_LENGTHS") };
        if ticks == 0 {
            return;
        }
        self.open_by_hand(|state| self.open_for(state, ticks, Cause::Manual));
    }

    fn open_by_hand(&self, open: impl Fn(State) -> bool) {
        loop {
            let state = self.settled();
            if state.is(Phase::Open) {
                // What tripped it does not belong to the next opening; and no two
                // tenures in a row may leave the window untouched.
                self.begin(state.generation());
            }
            if open(state) {
                return;
            }
        }
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
            let state = self.refresh(GENERATIONS).state;
            match state.phase() {
                // What was read is valid only if the state is unchanged.
                Phase::HalfOpen if self.word.load() == state => return Ok(()),
                Phase::HalfOpen => {}
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
        self.enter_by_hand(Phase::ForcedOpen, State::forced_open);
    }

    /// Admits every call and records nothing until told otherwise. Lock-free.
    pub fn disable(&self) {
        self.enter_by_hand(Phase::Disabled, State::disabled);
    }

    /// A dry run, until told otherwise: admits and records every call, and tells the
    /// observer which policies would have tripped the breaker. Lock-free.
    pub fn metrics_only(&self) {
        self.enter_by_hand(Phase::MetricsOnly, State::metrics_only);
    }

    /// Enters a phase that only a hand enters.
    fn enter_by_hand(&self, phase: Phase, to: fn(State) -> State) {
        const { assert!(G::MANUAL_PHASES, "this phase needs ConstConfig::MANUAL_PHASES") };
        self.command(|state| (!state.is(phase)).then(|| to(state)));
    }

    fn command(&self, decide: impl Fn(State) -> Option<State>) {
        loop {
            let from = self.settled();
            match decide(from) {
                Some(to) if !self.transit(from, to, Cause::Manual) => {}
                _ => return,
            }
        }
    }
}
