//! What the first in the queue does: decided from what it sees.

use microbreaker::Outlook;
use microbreaker::clock::elapsed;

/// For how many ticks, of a millisecond, a place is kept for one that was let go and has
/// not called yet.
const KEPT_FOR: u32 = 1_000;

/// What one first in the queue leaves to the next.
#[derive(Debug, Default)]
pub(crate) struct Front {
    /// The tenure, and the step of its ramp, that the rest is about.
    of: (u8, Option<u32>),
    /// The room when it was last seen.
    room: u32,
    /// How many were let go without a permit and have not called yet.
    expected: u32,
    /// When the last of them was let go.
    let_go: u32,
    /// How many calls those who wait have still to offer to this step of the ramp.
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
    /// What to do at the tick `now`. `waiting` is how many wait, and `arrived` how many of
    /// them have come since this was last asked.
    pub(crate) fn next(&mut self, outlook: &Outlook, now: u32, crowd: (usize, usize)) -> Next {
        let &Outlook { generation, ramp_step, room, changes_in, .. } = outlook;
        let (waiting, arrived) = crowd;
        if self.of == (generation, ramp_step) {
            // Room that was taken is taken by those who were let go.
            let taken = self.room.saturating_sub(room);
            self.expected = self.expected.saturating_sub(taken);
            self.offers += arrived;
        } else {
            // Each step admits a share of those who wait now.
            *self = Self { of: (generation, ramp_step), offers: waiting, ..Self::default() };
        }
        self.room = room;
        if room == Outlook::ALL {
            return Next::Go;
        }
        let kept_for = KEPT_FOR.saturating_sub(elapsed(now, self.let_go));
        if kept_for == 0 {
            self.expected = 0;
        }
        if room > self.expected {
            self.offers = self.offers.saturating_sub(1);
            return Next::Go;
        }
        if room > 0 {
            return Next::Wait(Some(changes_in.map_or(kept_for, |ticks| ticks.min(kept_for))));
        }
        if ramp_step.is_some() && self.offers > 0 {
            self.offers -= 1;
            return Next::Offer;
        }
        Next::Wait(changes_in)
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
