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

#[cfg(test)]
mod tests {
    use microbreaker::clock::ManualClock;
    use microbreaker::{Breaker, Config, Outcome};

    use super::*;

    /// The outlook of a half-open breaker with three probes, of which `out` are out.
    fn half_open(out: usize) -> Outlook {
        let clock = ManualClock::new(0);
        let config = Config::new().consecutive_failures(1).open_for(10).probes(3);
        let breaker = Breaker::new(config.no_probe_timeout(), (), &clock);
        breaker.trip();
        breaker.half_open().unwrap();
        let probes: Vec<_> = (0..out).map(|_| breaker.try_acquire().unwrap()).collect();
        let outlook = breaker.outlook();
        probes.into_iter().for_each(|probe| probe.finish(Outcome::Ignored));
        outlook
    }

    #[test]
    fn as_many_are_let_go_as_there_is_room() {
        let mut front = Front::default();
        for now in [5, 6, 7] {
            assert_eq!(front.next(&half_open(0), now, 9, 0), Next::Go);
            front.let_go(now);
        }
        assert_eq!(front.next(&half_open(0), 8, 6, 0), Next::Wait(Some(999)));
        // Those who were let go take their places one by one.
        assert_eq!(front.next(&half_open(1), 9, 6, 0), Next::Wait(Some(998)));
        assert_eq!(front.next(&half_open(3), 10, 6, 0), Next::Wait(None));
        // One of them hands its probe back.
        assert_eq!(front.next(&half_open(2), 11, 6, 0), Next::Go);
    }

    #[test]
    fn a_permit_is_no_place_of_one_that_was_let_go() {
        let mut front = Front::default();
        assert_eq!(front.next(&half_open(0), 0, 9, 0), Next::Go);
        front.let_go(0);
        assert_eq!(front.next(&half_open(0), 0, 8, 0), Next::Go);
        front.admitted(0);
        assert_eq!(front.next(&half_open(1), 0, 7, 0), Next::Go);
        front.admitted(0);
        assert_eq!(front.next(&half_open(2), 0, 6, 0), Next::Wait(Some(KEPT_FOR)));
    }

    #[test]
    fn a_place_is_kept_for_a_second_after_the_last_was_let_go() {
        let mut front = Front::default();
        for now in [0, 600, 1_200] {
            assert_eq!(front.next(&half_open(0), now, 9, 0), Next::Go);
            front.let_go(now);
        }
        assert_eq!(front.next(&half_open(0), 2_199, 9, 0), Next::Wait(Some(1)));
        assert_eq!(front.next(&half_open(0), 2_200, 9, 0), Next::Go);
    }

    #[test]
    fn each_that_waits_is_offered_once_to_each_step_of_a_ramp() {
        let clock = ManualClock::new(0);
        let config = Config::new().consecutive_failures(1).open_for(10).ramp([1, 2], 100);
        let breaker = Breaker::new(config, (), &clock);
        breaker.trip();
        breaker.half_open().unwrap();
        breaker.try_acquire().unwrap().finish(Outcome::Success);
        let mut front = Front::default();
        assert_eq!(front.next(&breaker.outlook(), 0, 2, 2), Next::Offer);
        assert_eq!(front.next(&breaker.outlook(), 0, 2, 0), Next::Offer);
        assert_eq!(front.next(&breaker.outlook(), 0, 2, 0), Next::Wait(Some(100)));
        assert_eq!(front.next(&breaker.outlook(), 0, 3, 1), Next::Offer, "one has come");
        assert_eq!(front.next(&breaker.outlook(), 0, 3, 0), Next::Wait(Some(100)));
        clock.advance(100);
        for _ in 0..3 {
            assert_eq!(front.next(&breaker.outlook(), 100, 3, 0), Next::Offer);
        }
        assert_eq!(front.next(&breaker.outlook(), 100, 3, 0), Next::Wait(Some(100)));
    }
}
