//! Transitions: the swap of the state, and what the winning thread does next.

use core::mem;

use super::Breaker;
use crate::clock::Clock;
use crate::config::ConfigSource;
use crate::event::{Cause, Lent, Observer, Transition};
use crate::phase::Phase;
use crate::state::{Kept, Length, Reading, State};
use crate::token::Token;
use crate::window::Window;

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
    /// Swaps `from` for `to`, a new tenure. The winner settles it and tells the observer.
    #[inline]
    #[must_use]
    pub(super) fn transit(&self, from: State, to: State, cause: Cause) -> bool {
        self.transit_as_of(Reading::NONE, from, to, cause)
    }

    /// [`transit`](Self::transit) of a thread that took `reading` after it had loaded `from`.
    #[inline(never)]
    #[must_use]
    pub(super) fn transit_as_of(
        &self,
        reading: Reading,
        from: State,
        to: State,
        cause: Cause,
    ) -> bool {
        let won = self.word.swap(from, to);
        if won {
            let gives = to.is(Phase::HalfOpen) && self.has_probe_out(to);
            let place = gives.then(|| self.place(to.generation()));
            self.entered(reading, from, to, cause, 0);
            mem::forget(place);
        }
        won
    }

    /// Swaps `from` for `to`, both half-open, after a probe has ended. The winner sets the
    /// tick again, which moves the deadline. The thread took `reading` after it had loaded
    /// `from`.
    #[must_use]
    pub(super) fn progress(&self, reading: Reading, from: State, to: State) -> bool {
        let won = self.word.swap(from, to);
        if won {
            self.settle_as_of(reading, to);
            self.observer.admission_changed(to.generation() as u8);
        }
        won
    }

    /// Opens for `ticks` instead of the configured time. Returns false if the state is
    /// no longer `from`.
    #[must_use]
    pub(super) fn open_for(&self, from: State, ticks: u32, cause: Cause) -> bool {
        self.open_from(from, from, ticks, cause)
    }

    /// [`open_for`](Self::open_for), as if from `apparent` although it is `from`.
    #[must_use]
    #[inline(always)]
    pub(super) fn open_from(&self, from: State, apparent: State, ticks: u32, cause: Cause) -> bool {
        if !G::EXPLICIT_LENGTHS {
            return self.transit(from, apparent.open(), cause);
        }
        let (length, excess) = Length::round_up(ticks);
        self.transit_with(from, apparent.open_for(length), cause, excess)
    }

    /// [`transit`](Self::transit) to a state that needs an `excess`: the ticks by which the
    /// explicit length of an opening was rounded up, or by which a ramp is ahead.
    #[must_use]
    #[inline(always)]
    pub(super) fn transit_with(&self, from: State, to: State, cause: Cause, excess: u32) -> bool {
        let won = self.word.swap(from, to);
        if won {
            self.entered(Reading::NONE, from, to, cause, excess);
        }
        won
    }

    /// Completes a transition that this thread has won: settles the state, publishes its
    /// `excess`, and tells the observer.
    fn entered(&self, reading: Reading, from: State, to: State, cause: Cause, excess: u32) {
        let generation = to.generation();
        self.settle_as_of(reading, to);
        let tick = if self.observer.needs_ticks() { self.clock.now() } else { 0 };
        if excess != 0 {
            self.entered.publish_excess(&self.word, generation, excess);
        }
        let (from, to, generation) = (from.phase(), to.phase(), generation as u8);
        if from != to {
            self.observer.transition(&Transition { from, to, cause, generation, tick });
        } else {
            self.observer.admission_changed(generation);
        }
    }

    pub(super) fn begin(&self, generation: u32) {
        self.window.begin(self.tenure(generation), &self.reach());
    }

    /// Returns the state, settled: its tick is set.
    pub(super) fn settled(&self) -> State {
        let state = self.word.load();
        if state.is_settled() { state } else { self.settle() }
    }

    /// Settles `state`, which this thread has just swapped in, if another has not done so.
    fn settle_as_of(&self, reading: Reading, state: State) {
        let begin = |state| self.begin_unless_open(state);
        if !self.entered.settle_as_of(reading, &self.word, state, begin, self.kept()) {
            self.settle();
        }
    }

    fn settle(&self) -> State {
        let begin = |state| self.begin_unless_open(state);
        self.entered.settle(&self.word, || self.clock.now(), begin, self.kept())
    }

    /// The window must begin before any thread can leave the tenure. Not when open: the
    /// window then still shows what tripped the breaker.
    fn begin_unless_open(&self, state: State) {
        if !state.is(Phase::Open) {
            self.begin(state.generation());
        }
    }

    fn kept(&self) -> Kept {
        Kept { excess: G::EXPLICIT_LENGTHS, stay: self.config().longest_stay().is_some() }
    }
}

/// The place of a probe, for as long as no permit or outcome stands for it. It is dropped
/// only if the clock or the observer panics, and then hands the place back without asking
/// either of them: a second panic would abort.
pub(super) struct Place<'a, W: Window, C: Clock, O: Observer, G: ConfigSource> {
    breaker: &'a Breaker<W, C, O, G>,
    generation: u32,
}

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
    /// That of a call of `generation`: none unless it is a probe.
    #[inline(always)]
    pub(super) const fn place(&self, generation: u32) -> Place<'_, W, C, O, G> {
        Place { breaker: self, generation }
    }

    /// What the call of `token` gives back if the clock panics: its place, and the leave for
    /// it.
    #[inline(always)]
    pub(super) fn held(&self, token: Token) -> (Place<'_, W, C, O, G>, Option<Lent<'_, O>>) {
        let lent = token.is_probe().then(|| Lent::before(&self.observer));
        (self.place(token.generation().into()), lent)
    }
}

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Drop for Place<'_, W, C, O, G> {
    fn drop(&mut self) {
        let Self { breaker, generation } = self;
        breaker.word.update(|state| {
            let is_out = state.is(Phase::HalfOpen) && breaker.has_probe_out(state);
            let is_ours = state.generation() == *generation && is_out;
            is_ours.then(|| state.with_probe_back())
        });
    }
}
