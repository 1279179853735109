//! Manual control.

use super::Breaker;
use crate::clock::Clock;
use crate::command::Command;
use crate::config::ConfigSource;
use crate::error::IllegalTransition;
use crate::event::{Cause, Observer};
use crate::phase::Phase;
use crate::snapshot::Snapshot;
use crate::state::{GENERATIONS, State};
use crate::status::Status;
use crate::window::Window;

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
    /// Opens the breaker manually, for the configured time. If it is already open,
    /// its opening starts afresh and the observer is not told. Lock-free.
    pub fn trip(&self) {
        _ = self.trip_manually();
    }

    fn trip_manually(&self) -> bool {
        self.open_manually(|state| self.transit(state, state.open(), Cause::Manual))
    }

    /// Opens the breaker manually for `ticks`, up to 2^31 - 1; 0 changes nothing.
    /// Lock-free.
    ///
    /// Does not compile unless the configuration source has
    /// [`EXPLICIT_LENGTHS`](ConfigSource::EXPLICIT_LENGTHS).
    pub fn trip_for(&self, ticks: u32) {
        const { assert!(G::EXPLICIT_LENGTHS, "trip_for needs ConstConfig::EXPLICIT_LENGTHS") };
        _ = self.open_manually_for(ticks);
    }

    fn open_manually_for(&self, ticks: u32) -> bool {
        ticks == 0 || self.open_manually(|state| self.open_for(state, ticks, Cause::Manual))
    }

    /// False if the breaker was handed over: then no command has any effect.
    fn open_manually(&self, open: impl Fn(State) -> bool) -> bool {
        loop {
            let state = self.refresh(GENERATIONS).state;
            if G::HANDS_OVER && state.is_retired() {
                return false;
            }
            if state.is(Phase::Open) {
                // What tripped the breaker has nothing to do with the next open
                // period; and the window must not go untouched for two tenures in a row.
                self.begin(state.generation());
            }
            if open(state) {
                return true;
            }
        }
    }

    /// Lets probes through now instead of waiting for the opening to end.
    ///
    /// Lock-free.
    ///
    /// # Errors
    ///
    /// [`IllegalTransition`] if the breaker is closed, disabled or in a dry run.
    pub fn half_open(&self) -> Result<(), IllegalTransition> {
        loop {
            let state = self.refresh(GENERATIONS).state;
            match state.phase() {
                // Not overdue: valid only if a second load finds the state unchanged.
                Phase::HalfOpen if self.word.load() == state => return Ok(()),
                Phase::HalfOpen => {}
                Phase::Open | Phase::ForcedOpen => {
                    if self.transit(state, state.half_open(), Cause::Manual) {
                        return Ok(());
                    }
                }
                // As one that was handed over appears, too.
                from @ (Phase::Closed | Phase::Disabled | Phase::MetricsOnly) => {
                    return Err(IllegalTransition { from, to: Phase::HalfOpen });
                }
            }
        }
    }

    /// Enters a fresh `Closed` from any phase: the window is emptied, and calls in
    /// progress become stale. Lock-free.
    pub fn reset(&self) {
        _ = self.enter_closed();
    }

    fn enter_closed(&self) -> bool {
        self.switch(|state| Some(state.closed()))
    }

    /// Refuses every call until the next manual transition. Lock-free.
    pub fn force_open(&self) {
        self.enter_manual_phase(Phase::ForcedOpen, State::forced_open);
    }

    /// Admits every call and records nothing until the next manual transition. Lock-free.
    pub fn disable(&self) {
        self.enter_manual_phase(Phase::Disabled, State::disabled);
    }

    /// Starts a dry run: until the next manual transition, admits and records every
    /// call and tells the observer which policies would have tripped it. Lock-free.
    pub fn metrics_only(&self) {
        self.enter_manual_phase(Phase::MetricsOnly, State::metrics_only);
    }

    /// Enters one of the manual phases.
    fn enter_manual_phase(&self, phase: Phase, to: fn(State) -> State) {
        const { assert!(G::MANUAL_PHASES, "this phase needs ConstConfig::MANUAL_PHASES") };
        _ = self.enter(phase, to);
    }

    fn enter(&self, phase: Phase, to: fn(State) -> State) -> bool {
        self.switch(|state| (!state.is(phase)).then(|| to(state)))
    }

    /// False if the breaker was handed over.
    fn switch(&self, decide: impl Fn(State) -> Option<State>) -> bool {
        loop {
            let from = self.refresh(GENERATIONS).state;
            if G::HANDS_OVER && from.is_retired() {
                return false;
            }
            match decide(from) {
                Some(to) if !self.transit(from, to, Cause::Manual) => {}
                _ => return true,
            }
        }
    }
}

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Status for Breaker<W, C, O, G> {
    fn phase(&self) -> Phase {
        self.phase()
    }

    fn snapshot(&self) -> Snapshot {
        self.snapshot()
    }

    // Calls none of the methods that do not compile for every configuration source.
    fn command(&self, command: Command) -> Result<(), IllegalTransition> {
        let done = match command {
            Command::Trip => self.trip_manually(),
            Command::TripFor(ticks) if G::EXPLICIT_LENGTHS => self.open_manually_for(ticks),
            Command::HalfOpen => return self.half_open(),
            Command::Reset => self.enter_closed(),
            Command::ForceOpen if G::MANUAL_PHASES => {
                self.enter(Phase::ForcedOpen, State::forced_open)
            }
            Command::Disable if G::MANUAL_PHASES => self.enter(Phase::Disabled, State::disabled),
            Command::MetricsOnly if G::MANUAL_PHASES => {
                self.enter(Phase::MetricsOnly, State::metrics_only)
            }
            _ => false,
        };
        if done {
            Ok(())
        } else {
            Err(IllegalTransition { from: self.phase(), to: command.phase() })
        }
    }
}
