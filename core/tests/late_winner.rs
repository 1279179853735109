//! A thread that sleeps between what it reads and its swap cuts short nothing that begins
//! with the swap.

use std::cell::{Cell, RefCell};
use std::mem;

use microbreaker::config::{ConstConfig, Fixed};
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

const CONFIG: Config =
    Config::new().consecutive_failures(1).open_for(OPEN_FOR).ramp([10, 50], STEP);

/// A breaker whose opening is over.
fn due(clock: &Sleepy) -> Breaker<(), &Sleepy> {
    let breaker = Breaker::new(CONFIG, (), clock);
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

/// Leaves out what would be published beside a ramp.
struct Lean;

impl ConstConfig for Lean {
    const CONFIG: Config = CONFIG;
    const EXPLICIT_LENGTHS: bool = false;
}

#[test]
fn nor_is_a_ramp_of_a_breaker_without_explicit_lengths() {
    let clock = Sleepy::default();
    let breaker = Breaker::<_, _, _, Fixed<Lean>>::fixed((), &clock, ());
    breaker.trip();
    clock.tick.set(OPEN_FOR);
    let probe = breaker.try_acquire().unwrap();
    clock.sleeps.set(ASLEEP);
    probe.success();
    assert_eq!(breaker.phase(), Phase::Closed);
    assert_eq!(breaker.outlook().changes_in, Some(STEP));
}

/// A clock of a thread that is interrupted right after it has read it.
#[derive(Default)]
struct Interrupted {
    tick: Cell<u32>,
    handler: RefCell<Option<Box<dyn FnOnce()>>>,
}

impl Clock for &Interrupted {
    fn now(&self) -> u32 {
        let now = self.tick.get();
        let handler = self.handler.borrow_mut().take();
        if let Some(handler) = handler {
            handler();
        }
        now
    }
}

#[test]
fn a_probe_that_ends_counts_though_the_same_state_has_a_later_tick_by_then() {
    const TIMEOUT: u32 = 60;
    // The handler lives as long as the clock that holds it.
    let clock: &'static Interrupted = Box::leak(Box::default());
    let config = Config::new().consecutive_failures(1).open_for(10).probes(3);
    let breaker = Breaker::new(config.probe_timeout(TIMEOUT), (), clock);
    let breaker: &'static Breaker<(), &Interrupted> = Box::leak(Box::new(breaker));
    breaker.trip();
    clock.tick.set(10);
    let (a, b) = (breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap());
    *clock.handler.borrow_mut() = Some(Box::new(move || {
        clock.tick.set(15);
        drop(b);
        mem::forget(breaker.try_acquire().unwrap());
        clock.tick.set(20);
    }));
    drop(a);
    clock.tick.set(27);
    assert_eq!(breaker.outlook().changes_in, Some(TIMEOUT - 7), "since it ended");
}
