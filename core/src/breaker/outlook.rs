//! For callers that wait: what a breaker admits now, and when that may change.

use super::Breaker;
use super::acquire::Answer;
use crate::clock::Clock;
use crate::config::ConfigSource;
use crate::error::Rejected;
use crate::event::Observer;
use crate::gate::Permit;
use crate::phase::Phase;
use crate::state::{GENERATIONS, State};
use crate::token::Token;
use crate::window::Window;

/// How many calls a breaker would admit now, and when that may change by itself.
///
/// Whatever else changes it is reported to the observer, by
/// [`transition`](Observer::transition) or
/// [`admission_changed`](Observer::admission_changed).
///
/// ```
/// use microbreaker::{Breaker, Config, clock::ManualClock};
///
/// let clock = ManualClock::new(0);
/// let config = Config::new().consecutive_failures(1).open_for(500).probes(3);
/// let breaker = Breaker::new(config, (), &clock);
/// breaker.trip();
/// assert_eq!((breaker.outlook().room, breaker.outlook().changes_in), (0, Some(500)));
///
/// clock.advance(500);
/// assert_eq!(breaker.outlook().room, 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Outlook {
    /// The number of the tenure, modulo 2^8: of the next one if the current one is over.
    pub generation: u8,
    /// Which share of a [ramp](crate::Config::ramp) applies, counted from 0. `None` if the
    /// breaker is not closing gradually.
    pub ramp_step: Option<u32>,
    /// How many calls would be admitted: [`ALL`](Self::ALL), or the probes that may still
    /// go out; on a ramp, 1 if the next call would be admitted.
    pub room: u32,
    /// Ticks until the room may change by itself, if known: the end of an opening, the
    /// deadline of half-open, the next step of a ramp.
    pub changes_in: Option<u32>,
}

impl Outlook {
    /// The room of a breaker that admits every call.
    pub const ALL: u32 = u32::MAX;
}

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
    /// Returns how many calls would be admitted now, and when that may change by itself.
    /// Changes nothing. Lock-free.
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        loop {
            let state = self.settled();
            let (apparent, left) = self.apparent(state);
            let outlook = self.outlook_of(apparent, left);
            if self.word.load() == state {
                return outlook;
            }
        }
    }

    /// The outlook of `state`, which has `left` ticks to go.
    ///
    /// Valid only if a second load finds the state unchanged.
    fn outlook_of(&self, state: State, left: u32) -> Outlook {
        let config = self.config();
        let changes_in = (left != u32::MAX).then_some(left);
        let generation = state.generation() as u8;
        let (ramp_step, room, changes_in) = match (state.phase(), self.ramp(state)) {
            (Phase::Open | Phase::ForcedOpen, _) => (None, 0, changes_in),
            (Phase::HalfOpen, _) => {
                (None, config.room_for_probes(state.probes(config.judges_by_rate())), changes_in)
            }
            (_, Some(Ramp { step, left, share })) => {
                (Some(step), u32::from(state.credit() + share >= 100), Some(left))
            }
            (_, None) => (None, Outlook::ALL, None),
        };
        Outlook { generation, ramp_step, room, changes_in }
    }

    /// Where `state` is on the ramp; `None` if it is not, or no longer.
    pub(super) fn ramp(&self, state: State) -> Option<Ramp> {
        let ramping = self.config().has_ramp() && state.is(Phase::Closed) && state.is_ramping();
        if !ramping {
            return None;
        }
        let ticks = if state.is_settled() { self.time_on_ramp(state) } else { 0 };
        let share = self.config().share_after(ticks)?;
        let (step, left) = self.config().ramp_step_after(ticks)?;
        Some(Ramp { step, left, share })
    }

    /// [`try_acquire`](Self::try_acquire) for a caller that waits and asks again: the
    /// observer is not told of a rejection. Lock-free.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_quietly(&self) -> Result<Permit<'_, Self>, Rejected> {
        let Answer { state, ticks } = self.acquire_unhealthy();
        if ticks > 0 {
            let retry_after = (ticks != u32::MAX).then_some(ticks);
            return Err(Rejected { phase: state.phase(), retry_after });
        }
        Ok(self.resume(Token::new(state)))
    }

    /// Counts a call that waits among those of which a [ramp](crate::Config::ramp) admits
    /// a share, as one that was not admitted. Changes nothing if the breaker is not on a
    /// ramp, if the next call would be admitted, or if another call got in between, but that
    /// a half-open phase ends that is overdue: nobody else may come to begin the ramp that
    /// follows. The observer is not told of the credit: look at the
    /// [`outlook`](Self::outlook) afterwards. Lock-free.
    pub fn offer(&self) {
        let state = self.refresh(GENERATIONS).state;
        if let Some(Ramp { share, .. }) = self.ramp(state) {
            let credit = state.credit() + share;
            if credit < 100 {
                let _ = self.word.swap(state, state.with_credit(credit));
            }
        }
    }
}

/// Where a breaker is on its ramp.
pub(super) struct Ramp {
    /// Which share applies, counted from 0.
    step: u32,
    /// Ticks until the next step.
    left: u32,
    /// The share, in percent.
    share: u32,
}
