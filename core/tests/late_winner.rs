//! A thread that sleeps between what it reads and its swap cuts short nothing that begins
//! with the swap.

use std::cell::Cell;

use microbreaker::{Breaker, Clock, Config, Phase};

const OPEN_FOR: u32 = 100;
const STEP: u32 = 70;
const ASLEEP: u32 = 60;

/// A clock of a thread that may fall asleep right after it has read it.
#[derive(Default)]
struct Sleepy {
    tick: Cell<u32>,
    sleeps: Cell<u32>,
}

impl Clock for &Sleepy {
    fn now(&self) -> u32 {
        let now = self.tick.get();
        self.tick.set(now + self.sleeps.take());
        now
    }
}

/// A breaker whose opening is over.
fn due(clock: &Sleepy) -> Breaker<(), &Sleepy> {
    let config = Config::new().consecutive_failures(1).open_for(OPEN_FOR).ramp([10, 50], STEP);
    let breaker = Breaker::new(config, (), clock);
    breaker.trip();
    clock.tick.set(OPEN_FOR);
    breaker
}

#[test]
fn an_opening_is_not_cut_short() {
    let clock = Sleepy::default();
    let breaker = due(&clock);
    let probe = breaker.try_acquire().unwrap();
    clock.sleeps.set(ASLEEP);
    probe.failure();
    assert_eq!(breaker.phase(), Phase::Open);
    assert_eq!(breaker.snapshot().retry_after, Some(OPEN_FOR));
}

#[test]
fn a_ramp_is_not_cut_short() {
    let clock = Sleepy::default();
    let breaker = due(&clock);
    let probe = breaker.try_acquire().unwrap();
    clock.sleeps.set(ASLEEP);
    probe.success();
    assert_eq!(breaker.phase(), Phase::Closed);
    assert_eq!(breaker.outlook().changes_in, Some(STEP));
}
