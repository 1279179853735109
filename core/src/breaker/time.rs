//! How phases change with time: deadlines, and the ticks left until them.

use super::Breaker;
use crate::clock::{Clock, elapsed};
use crate::config::{AfterProbeTimeout, ConfigSource};
use crate::event::{Cause, Observer};
use crate::footprint::shared_in_flash;
use crate::phase::Phase;
use crate::state::{GENERATIONS, Reading, State};
use crate::window::Window;

/// A state, and what was read to judge it.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) state: State,
    /// Ticks until `state` ends by itself, `u32::MAX` if unknown.
    pub(super) left: u32,
    pub(super) reading: Reading,
}

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
    shared_in_flash! {
        elsewhere inline(always);

        /// Returns the state, settled and not overdue, and the ticks until it ends by
        /// itself: 0 if it is open and due. If `generation` is over, the state is only
        /// settled and its deadline is not checked; `GENERATIONS` stands for whichever
        /// generation is current.
        ///
        /// Valid only if a second load finds the state unchanged.
        pub(super) fn refresh(&self, generation: u32) -> Look {
            loop {
                let state = self.settled();
                let mut look = Look { state, left: u32::MAX, reading: Reading::NONE };
                if (state.is(Phase::Open) || state.is(Phase::HalfOpen))
                    && (generation == GENERATIONS || generation == state.generation())
                {
                    let (tick, now) = self.read();
                    look.left = self.ticks_left_at(state, tick, now);
                    look.reading = Reading::of(tick, now);
                    if look.left == 0 && state.is(Phase::HalfOpen) {
                        self.expire(state);
                        continue;
                    }
                }
                return look;
            }
        }
    }

    /// Ticks until `state`, open or half-open and settled, ends by itself: 0 if it is
    /// over, `u32::MAX` if it never ends.
    ///
    /// Valid only if a second load finds the state unchanged.
    #[inline(always)]
    pub(super) fn ticks_left(&self, state: State) -> u32 {
        let (tick, now) = self.read();
        self.ticks_left_at(state, tick, now)
    }

    /// [`ticks_left`](Self::ticks_left) by what [`read`](Self::read) returned.
    #[inline(always)]
    fn ticks_left_at(&self, state: State, tick: u32, now: u32) -> u32 {
        let (since, ticks) = self.time_in_phase_at(state, tick, now);
        let length = self.length(state, since);
        if length == u32::MAX { length } else { length.saturating_sub(ticks) }
    }

    /// How many ticks `state`, open or half-open and settled, lasts that counts from
    /// `since`; `u32::MAX` if it never ends.
    ///
    /// Valid only if a second load finds the state unchanged.
    #[inline(always)]
    pub(super) fn length(&self, state: State, since: u32) -> u32 {
        let generation = state.generation();
        match state.explicit_length() {
            _ if state.is(Phase::HalfOpen) => {
                self.half_open_for(generation, since, self.has_probe_out(state))
            }
            Some(rounded) if G::EXPLICIT_LENGTHS => {
                rounded.ticks().saturating_sub(self.entered.excess(generation))
            }
            _ => self.config().opening(state.level(), generation, since),
        }
    }

    /// Ticks from `tick`, when a probe of `generation` was last given out or ended,
    /// until half-open is overdue; `u32::MAX` if it never is.
    fn half_open_for(&self, generation: u32, tick: u32, probe_is_out: bool) -> u32 {
        let config = self.config();
        let by_probe = config.probe_timeout_ticks().filter(|_| probe_is_out);
        let by_stay = config
            .longest_stay()
            .map(|longest| longest.saturating_sub(self.entered.stay_before(generation, tick)));
        by_probe.unwrap_or(u32::MAX).min(by_stay.unwrap_or(u32::MAX))
    }

    /// `state` as the next caller will find it, and the ticks until that state ends by
    /// itself, `u32::MAX` if unknown. An opening that is over appears half-open, and a
    /// half-open phase that is overdue appears as what follows it. A tenure that no
    /// thread has entered yet appears unsettled.
    ///
    /// Valid only if a second load finds the state unchanged.
    pub(super) fn apparent(&self, state: State) -> (State, u32) {
        let left = |state: State| {
            let can_end = state.is(Phase::Open) || state.is(Phase::HalfOpen);
            if can_end && state.is_settled() { self.ticks_left(state) } else { u32::MAX }
        };
        let mut apparent = (state, left(state));
        // At most twice: an opening that began at a deadline may be over as well.
        while apparent.1 == 0 {
            let next = if apparent.0.is(Phase::Open) {
                apparent.0.half_open()
            } else {
                self.after_deadline(apparent.0)
            };
            apparent = (next, left(next));
        }
        apparent
    }

    /// For how many more ticks `state`, which has `left` to go, refuses every call, if
    /// known.
    pub(super) fn refuses_for(&self, state: State, left: u32) -> Option<u32> {
        let refuses =
            state.is(Phase::Open) || state.is(Phase::HalfOpen) && !self.has_room_for_probe(state);
        (refuses && left != u32::MAX).then_some(left)
    }

    /// The tick from which the phase counts, and the ticks since then.
    ///
    /// Valid only if a second load finds the state unchanged.
    #[inline]
    pub(super) fn time_in_phase(&self, state: State) -> (u32, u32) {
        let (tick, now) = self.read();
        self.time_in_phase_at(state, tick, now)
    }

    /// How many ticks ago the ramp of `state`, closed and settled, began, or would have begun
    /// had the breaker heard at once that the others had closed.
    ///
    /// Valid only if a second load finds the state unchanged.
    pub(super) fn time_on_ramp(&self, state: State) -> u32 {
        self.time_in_phase(state).1.saturating_add(self.ramp_ahead(state))
    }

    /// By how many ticks the ramp of `state`, closed and settled, is ahead of the phase.
    ///
    /// Valid only if a second load finds the state unchanged.
    pub(super) fn ramp_ahead(&self, state: State) -> u32 {
        if G::EXPLICIT_LENGTHS { self.entered.excess(state.generation()) } else { 0 }
    }

    /// The tick that a settled phase counts from, and then the clock.
    #[inline(always)]
    fn read(&self) -> (u32, u32) {
        (self.entered.tick(), self.clock.now())
    }

    /// [`time_in_phase`](Self::time_in_phase) by what [`read`](Self::read) returned.
    #[inline(always)]
    fn time_in_phase_at(&self, state: State, tick: u32, now: u32) -> (u32, u32) {
        let ticks = elapsed(now, tick);
        let overdue = match state.overdue() {
            // Without a longest stay, only a probe can have been overdue.
            Some(_) if self.config().longest_stay().is_none() => Some(true),
            overdue => overdue,
        };
        match overdue {
            Some(probe_was_out) => {
                let before = state.generation().wrapping_sub(1) % GENERATIONS;
                let most = self.half_open_for(before, tick, probe_was_out);
                (tick.wrapping_add(most), ticks.saturating_sub(most))
            }
            None => (tick, ticks),
        }
    }

    /// Ends an overdue half-open `state`.
    fn expire(&self, state: State) {
        let _ = self.transit(state, self.after_deadline(state), Cause::ProbeTimeout);
    }

    /// The state that follows an overdue half-open `state`.
    fn after_deadline(&self, state: State) -> State {
        match self.config().next_after_probe_timeout() {
            AfterProbeTimeout::Open => {
                // Without a longest stay, only a probe can be overdue.
                let no_stay = self.config().longest_stay().is_none();
                state.open_overdue(no_stay || self.has_probe_out(state))
            }
            AfterProbeTimeout::FreshProbes => state.half_open_anew(),
            AfterProbeTimeout::Close => self.closing(state),
        }
    }

    /// `state` closed by its probes, gradually if a ramp is configured.
    pub(super) fn closing(&self, state: State) -> State {
        let closed = state.closed();
        if self.config().has_ramp() { closed.ramping() } else { closed }
    }
}
