//! What a phase amounts to as time goes by.

use super::Breaker;
use crate::clock::{Clock, elapsed};
use crate::config::{AfterProbeTimeout, ConfigSource};
use crate::event::{Cause, Observer};
use crate::footprint::shared_in_flash;
use crate::phase::Phase;
use crate::state::{GENERATIONS, State};
use crate::window::Window;

/// What comes of asking for leave: two plain words, so that they are returned
/// in registers.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) state: State,
    /// Ticks for which `state` refuses; 0 if it admits, `u32::MAX` if unknown.
    pub(super) refused_for: u32,
}

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
    shared_in_flash! {
        elsewhere inline(always);

        /// The state, settled and not overdue, and for how long it refuses every
        /// call: 0 if it does not, or if it is open and due. Where `generation` is
        /// over it is just the state, settled.
        ///
        /// True if the state is still the same afterwards.
        pub(super) fn refresh(&self, generation: u32) -> Answer {
            loop {
                let state = self.settled();
                if state.generation() != generation && generation != GENERATIONS {
                    return Answer { state, refused_for: 0 };
                }
                let mut refused_for =
                    if G::MANUAL_PHASES && state.is(Phase::ForcedOpen) { u32::MAX } else { 0 };
                if state.is(Phase::Open) || state.is(Phase::HalfOpen) {
                    let left = self.ticks_left(state);
                    if state.is(Phase::Open) {
                        refused_for = left;
                    } else if left == 0 {
                        self.expire(state);
                        continue;
                    }
                }
                return Answer { state, refused_for };
            }
        }
    }

    /// Ticks until `state`, open or half-open and settled, is over by itself:
    /// 0 if it is, `u32::MAX` if it never will be.
    ///
    /// True if the state is still the same afterwards.
    #[inline(always)]
    fn ticks_left(&self, state: State) -> u32 {
        let (since, ticks) = self.time_in_phase(state);
        let length = match state.explicit_length() {
            _ if state.is(Phase::HalfOpen) => self.config().half_open_for().unwrap_or(u32::MAX),
            Some(rounded) if G::EXPLICIT_LENGTHS => {
                rounded.ticks().saturating_sub(self.entered.excess(state.generation()))
            }
            _ => self.config().opening(state.level(), state.generation(), since),
        };
        if length == u32::MAX { length } else { length.saturating_sub(ticks) }
    }

    /// The phase as it reads now, and for how many ticks it refuses if known.
    pub(super) fn apparent_phase(&self, state: State) -> (Phase, Option<u32>) {
        let phase = state.phase();
        let can_end = matches!(phase, Phase::Open | Phase::HalfOpen);
        if !can_end || !state.is_settled() {
            return (phase, None);
        }
        match self.ticks_left(state) {
            left if left > 0 => (phase, (phase == Phase::Open).then_some(left)),
            _ if phase == Phase::Open => (Phase::HalfOpen, None),
            _ => match self.config().next_after_probe_timeout() {
                AfterProbeTimeout::Open => match self.ticks_left(state.open_overdue()) {
                    0 => (Phase::HalfOpen, None),
                    left => (Phase::Open, Some(left)),
                },
                AfterProbeTimeout::FreshProbes => (Phase::HalfOpen, None),
                AfterProbeTimeout::Close => (Phase::Closed, None),
            },
        }
    }

    /// The tick at which the phase began, and the ticks since.
    #[inline]
    pub(super) fn time_in_phase(&self, state: State) -> (u32, u32) {
        let since = self.entered.tick();
        let ticks = elapsed(self.clock.now(), since);
        if state.is_overdue()
            && let Some(most) = self.config().half_open_for()
        {
            return (since.wrapping_add(most), ticks.saturating_sub(most));
        }
        (since, ticks)
    }

    /// Ends a half-open `state` that is overdue.
    fn expire(&self, state: State) {
        let next = match self.config().next_after_probe_timeout() {
            AfterProbeTimeout::Open => state.open_overdue(),
            AfterProbeTimeout::FreshProbes => state.half_open(),
            AfterProbeTimeout::Close => self.closing(state),
        };
        let _ = self.transit(state, next, Cause::ProbeTimeout);
    }

    /// `state` closed by its probes: gradually, if so configured.
    pub(super) fn closing(&self, state: State) -> State {
        let closed = state.closed();
        if self.config().has_ramp() { closed.ramping() } else { closed }
    }
}
