//! What the first in the queue does: decided from what it sees.

use microbreaker::Outlook;
use microbreaker::clock::elapsed;

/// For how many ticks, of a millisecond, a place is kept for one that was let go and has
/// not called yet.
const KEPT_FOR: u32 = 1_000;

/// What one first in the queue leaves to the next.
#[derive(Debug, Default)]
pub(crate) struct Front {
    /// The room when it was last seen.
    room: u32,
    /// How many were let go without a permit and have not called yet.
    expected: u32,
    /// When the last of them was let go.
    let_go: u32,
    /// The ramp's tenure and step, on a ramp.
    ramp: Option<(u8, u32)>,
    /// How many calls those who wait have still to offer to that step: each of them one,
    /// when the step begins or when it comes.
    offers: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// There is room.
    Go,
    /// Offer a call to the ramp, and look again.
    Offer,
    /// Wait for a change, and at most so many ticks.
    Wait(Option<u32>),
}

impl Front {
    /// What to do at the tick `now`. Of the `waiting`, `arrived` have come since this was
    /// last asked.
    pub(crate) fn next(
        &mut self,
        outlook: &Outlook,
        now: u32,
        waiting: usize,
        arrived: usize,
    ) -> Next {
        let &Outlook { generation, ramp_step, room, changes_in, .. } = outlook;
        let ramp = ramp_step.map(|step| (generation, step));
        self.offers = if ramp == self.ramp { self.offers + arrived } else { waiting };
        self.ramp = ramp;

        let kept_for = KEPT_FOR.saturating_sub(elapsed(now, self.let_go));
        // Those who were let go are the first to take room.
        let taken = self.room.saturating_sub(room);
        self.expected = if kept_for == 0 { 0 } else { self.expected.saturating_sub(taken) };
        self.room = room;

        let next = if room == Outlook::ALL {
            return Next::Go;
        } else if ramp.is_some() && self.offers == 0 {
            return Next::Wait(changes_in);
        } else if room > self.expected {
            Next::Go
        } else if room > 0 {
            return Next::Wait(Some(changes_in.map_or(kept_for, |ticks| ticks.min(kept_for))));
        } else if ramp.is_some() {
            Next::Offer
        } else {
            return Next::Wait(changes_in);
        };
        self.offers = self.offers.saturating_sub(1);
        next
    }

    /// Notes that the first has got a permit, so that its place is not taken for that of one
    /// that was let go.
    pub(crate) fn admitted(&mut self, _now: u32) {
        if self.room != Outlook::ALL {
            self.room -= 1;
        }
    }

    /// Keeps a place for one that is let go at the tick `now` without a permit.
    pub(crate) fn let_go(&mut self, now: u32) {
        if self.room != Outlook::ALL {
            self.expected += 1;
            self.let_go = now;
        }
    }
}
