//! A breaker that follows a fleet, and whose probes need leave.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use microbreaker::clock::ManualClock;
use microbreaker::{
    Breaker, Cause, Command, Config, Decision, Observer, Outcome, Phase, ShortWindow, Status,
    Tally, Transition,
};

/// Lends probes from a stock, and notes what it hears.
#[derive(Default)]
struct Stock {
    left: Cell<u32>,
    ended: RefCell<Vec<(Outcome, bool)>>,
    causes: RefCell<Vec<Cause>>,
}

impl Observer for Stock {
    fn transition(&self, transition: &Transition) {
        self.causes.borrow_mut().push(transition.cause);
    }

    fn lend_probe(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    fn probe_ended(&self, outcome: Outcome, stale: bool) {
        self.ended.borrow_mut().push((outcome, stale));
    }
}

fn config() -> Config {
    Config::new().consecutive_failures(1).open_for(100).probes(3).successes(2)
}

#[test]
fn a_probe_goes_out_only_with_leave() {
    let (clock, stock) = (ManualClock::new(0), Stock::default());
    let breaker = Breaker::observed(config(), (), &clock, &stock);
    breaker.try_acquire().unwrap().failure();
    clock.advance(100);

    let rejected = breaker.try_acquire().unwrap_err();
    assert_eq!((rejected.phase, rejected.retry_after), (Phase::HalfOpen, None));
    stock.left.set(2);
    let (first, second) = (breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap());
    assert!(breaker.try_acquire().is_err(), "there is room for a third, but no leave");
    drop(first);
    second.success();
    assert_eq!(*stock.ended.borrow(), [(Outcome::Ignored, false), (Outcome::Success, false)]);

    stock.left.set(1);
    let late = breaker.try_acquire().unwrap();
    breaker.reset();
    late.failure();
    assert_eq!(stock.ended.borrow().last(), Some(&(Outcome::Failure, true)));
    breaker.try_acquire().unwrap().success();
    assert_eq!(stock.ended.borrow().len(), 3, "a call while closed is no probe");
}

#[test]
fn of_two_lenders_both_must_agree_and_the_first_gets_its_leave_back() {
    let (clock, pair) = (ManualClock::new(0), (Stock::default(), Stock::default()));
    let breaker = Breaker::observed(config(), (), &clock, &pair);
    breaker.try_acquire().unwrap().failure();
    clock.advance(100);
    pair.0.left.set(2);
    assert!(breaker.try_acquire().is_err());
    assert_eq!(*pair.0.ended.borrow(), [(Outcome::Ignored, false)]);
    pair.1.left.set(1);
    assert!(breaker.try_acquire().is_ok());
}

/// Panics in one step of the probe that it lends.
#[derive(Default)]
struct Panicking {
    in_transition: Cell<Option<Cause>>,
    in_outcome: Cell<bool>,
    in_lending: Cell<bool>,
}

impl Observer for Panicking {
    fn transition(&self, transition: &Transition) {
        assert_ne!(self.in_transition.get(), Some(transition.cause));
    }

    fn outcome(&self, _: Outcome, _: bool) {
        assert!(!self.in_outcome.get());
    }

    fn lend_probe(&self) -> bool {
        assert!(!self.in_lending.get());
        true
    }
}

#[test]
fn a_probe_that_was_lent_ends_once_although_the_clock_or_the_observer_panics() {
    // `Some(n)`: the nth reading of the clock panics.
    let check = |panicking: &Panicking, reading: Option<u32>| {
        let (tick, readings) = (Cell::new(0), Cell::new(0_u32));
        let clock = || {
            readings.set(readings.get().wrapping_sub(1));
            assert_ne!(readings.get(), 0, "the clock");
            tick.get()
        };
        let stock = Stock::default();
        stock.left.set(1);
        let config = config().probes(1).successes(1);
        let breaker = Breaker::observed(config, (), clock, (&stock, panicking));
        breaker.trip();
        tick.set(100);
        readings.set(reading.unwrap_or_default());
        let probe = || breaker.try_acquire().unwrap().success();
        let panics = catch_unwind(AssertUnwindSafe(probe)).is_err();
        let lent = 1 - stock.left.get() as usize;
        assert_eq!(stock.ended.borrow().len(), lent);
        panics
    };
    let panicking = Panicking::default();
    let readings = (1..).take_while(|&reading| check(&panicking, Some(reading))).count();
    assert!(readings > 3, "{readings}");
    for cause in [Cause::OpeningOver, Cause::ProbesSucceeded] {
        panicking.in_transition.set(Some(cause));
        assert!(check(&panicking, None));
    }
    panicking.in_transition.set(None);
    panicking.in_outcome.set(true);
    assert!(check(&panicking, None));
    panicking.in_lending.set(true);
    assert!(check(&panicking, None), "the second lender");
}

#[test]
fn following_an_opening_twice_does_not_push_it_forward() {
    let (clock, stock) = (ManualClock::new(0), Stock::default());
    let breaker = Breaker::observed(config(), (), &clock, &stock);
    assert!(!breaker.follow(Decision::Close), "it is closed");
    assert!(!breaker.follow(Decision::OpenFor(0)));
    assert!(breaker.follow(Decision::OpenFor(70)));
    clock.advance(69);
    assert!(!breaker.follow(Decision::OpenFor(70)));
    assert_eq!(breaker.snapshot().retry_after, Some(1));
    clock.advance(1);
    // Over, but no probe had leave: opening again is a failed recovery.
    assert!(breaker.follow(Decision::OpenFor(70)));
    let now = breaker.snapshot();
    assert_eq!((now.phase, now.retry_after, now.backoff_level), (Phase::Open, Some(70), 1));
    assert_eq!(*stock.causes.borrow(), [Cause::Fleet], "an opening that goes on is no transition");
}

#[test]
fn what_an_operator_set_is_stronger_than_the_fleet() {
    let clock = ManualClock::new(0);
    let breaker = Breaker::new(config(), (), &clock);
    for command in [Command::ForceOpen, Command::Disable, Command::MetricsOnly] {
        breaker.command(command).unwrap();
        assert!(!breaker.follow(Decision::OpenFor(9)) && !breaker.follow(Decision::Close));
        assert_eq!(breaker.phase(), command.phase());
    }
}

#[test]
fn closing_with_the_fleet_takes_the_ramp() {
    let clock = ManualClock::new(0);
    let breaker = Breaker::new(config().ramp([50], 1_000), (), &clock);
    breaker.trip();
    assert!(breaker.follow(Decision::Close));
    let admitted = (0..10).filter(|_| breaker.try_acquire().is_ok()).count();
    assert_eq!(admitted, 5);
}

/// On a ramp of three steps.
fn ramping(clock: &ManualClock) -> Breaker<(), &ManualClock> {
    Breaker::new(config().ramp([10, 25, 50], 1_000), (), clock)
}

/// The step of the ramp, and the ticks until the next.
fn on_ramp(breaker: &Breaker<(), &ManualClock>) -> Option<(u32, u32)> {
    let now = breaker.outlook();
    now.ramp_step.map(|step| (step, now.changes_in.unwrap()))
}

#[test]
fn one_that_hears_late_of_a_closing_goes_on_where_the_others_are() {
    let clock = ManualClock::new(0);
    for half_open in [false, true] {
        let breaker = ramping(&clock);
        breaker.trip();
        if half_open {
            breaker.half_open().unwrap();
        }
        assert!(breaker.follow(Decision::CloseAsOf(1_300)));
        assert_eq!(on_ramp(&breaker), Some((1, 700)));
        let admitted = (0..20).filter(|_| breaker.try_acquire().is_ok()).count();
        assert_eq!(admitted, 5, "a quarter");
        assert_eq!(breaker.snapshot().in_phase_for, 0, "it has heard just now");
        assert!(!breaker.follow(Decision::CloseAsOf(1_300)), "it is heard twice");
        clock.advance(700);
        assert_eq!(on_ramp(&breaker), Some((2, 1_000)));
        clock.advance(1_000);
        assert_eq!(on_ramp(&breaker), None);
        assert!((0..9).all(|_| breaker.try_acquire().is_ok()));
    }
}

#[test]
fn one_that_hears_after_the_ramp_closes_without_it() {
    let clock = ManualClock::new(0);
    for age in [3_000, 1 << 24, u32::MAX] {
        let breaker = ramping(&clock);
        assert!(!breaker.follow(Decision::CloseAsOf(age)), "it is closed, as all are");
        breaker.trip();
        assert!(breaker.follow(Decision::CloseAsOf(age)));
        assert_eq!((breaker.phase(), on_ramp(&breaker)), (Phase::Closed, None));
        assert!((0..9).all(|_| breaker.try_acquire().is_ok()));
    }
    let without = Breaker::new(config(), (), &clock);
    assert!(!without.follow(Decision::CloseAsOf(0)));
    without.trip();
    assert!(without.follow(Decision::CloseAsOf(0)));
    assert_eq!(without.phase(), Phase::Closed);
}

#[test]
fn one_that_is_closed_takes_up_the_ramp_of_the_others() {
    let (clock, stock) = (ManualClock::new(0), Stock::default());
    let config = config().ramp([10, 25, 50], 1_000);
    let breaker = Breaker::observed(config, (), &clock, &stock);
    let before = breaker.try_acquire().unwrap();
    assert!(breaker.follow(Decision::CloseAsOf(2_999)));
    assert_eq!((breaker.outlook().ramp_step, breaker.outlook().changes_in), (Some(2), Some(1)));
    before.failure();
    assert_eq!(breaker.phase(), Phase::Closed, "what began before it does not count");
    assert!(stock.causes.borrow().is_empty(), "it was closed before");
    clock.advance(1);
    // Its ramp is over, although no call has come since; this is another one.
    assert!(breaker.follow(Decision::CloseAsOf(0)));
    assert_eq!(breaker.outlook().changes_in, Some(1_000));
}

#[test]
fn a_ramp_is_at_most_so_far_ahead_and_no_stay_in_half_open() {
    const MOST: u32 = (1 << 23) - 1;
    let clock = ManualClock::new(0);
    let config = config().ramp([10], 1 << 24).longest_half_open(50);
    let breaker = Breaker::new(config, (), &clock);
    breaker.trip();
    assert!(breaker.follow(Decision::CloseAsOf(MOST + 7)));
    assert_eq!(on_ramp(&breaker), Some((0, (1 << 24) - MOST)));
    breaker.trip();
    breaker.half_open().unwrap();
    assert_eq!(breaker.outlook().changes_in, Some(50), "a stay begins");
}

/// The word beside the tick has room for 256 generations.
#[test]
fn a_ramp_is_not_ahead_because_one_was_256_tenures_ago() {
    let clock = ManualClock::new(0);
    let breaker = ramping(&clock);
    breaker.trip();
    assert!(breaker.follow(Decision::CloseAsOf(1_300)));
    let generation = breaker.snapshot().generation;
    // None of these needs the word.
    (0..254).for_each(|_| breaker.reset());
    breaker.trip();
    assert!(breaker.follow(Decision::Close));
    assert_eq!(breaker.snapshot().generation, generation);
    assert_eq!(on_ramp(&breaker), Some((0, 1_000)));
}

#[test]
fn an_opening_followed_from_half_open_makes_the_probe_that_is_out_stale() {
    let (clock, stock) = (ManualClock::new(0), Stock::default());
    stock.left.set(1);
    let config = Config::new().failures_in_window(1).last_calls(4).open_for(100);
    let breaker = Breaker::observed(config, ShortWindow::new(), &clock, &stock);
    breaker.try_acquire().unwrap().failure();
    clock.advance(100);
    let probe = breaker.try_acquire().unwrap();
    assert!(breaker.follow(Decision::OpenFor(300)));
    probe.success();
    assert_eq!((breaker.phase(), breaker.snapshot().retry_after), (Phase::Open, Some(300)));
    assert_eq!(*stock.ended.borrow(), [(Outcome::Success, true)]);
}

#[test]
fn a_policy_can_be_asked_about_any_tally() {
    let config = Config::new()
        .consecutive_failures(5)
        .failure_rate(50)
        .min_calls(10)
        .last_calls(20)
        .open_for(100);
    let tally = |calls, failed| Tally { calls, failed, ..Tally::default() };
    assert_eq!(config.policy_met(tally(9, 9), 0), None);
    assert_eq!(config.policy_met(tally(10, 5), 0), Some(Cause::FailureRate));
    assert_eq!(config.policy_met(tally(1_000, 499), 0), None);
    assert_eq!(config.policy_met(tally(0, 0), 5), Some(Cause::ConsecutiveFailures));
}
