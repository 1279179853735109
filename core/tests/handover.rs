//! A successor goes on in the tenure that it takes over.

use microbreaker::config::ConfigSource;
use microbreaker::handover::Handover;
use microbreaker::window::Window;
use microbreaker::{
    Breaker, Cause, Config, Decision, Observer, Phase, ShortWindow, clock::ManualClock,
};

struct Replaceable(Config);

impl ConfigSource for Replaceable {
    const HANDS_OVER: bool = true;

    fn config(&self) -> &Config {
        &self.0
    }
}

type Subject<W, O = ()> = Breaker<W, &'static ManualClock, O, Replaceable>;

fn clock() -> &'static ManualClock {
    Box::leak(Box::new(ManualClock::new(0)))
}

/// The successor of `old` with another configuration and a new window.
fn successor<W: Window, O: Observer>(
    old: &Subject<W, O>,
    mut new: Subject<W, O>,
) -> (Subject<W, O>, Handover) {
    let handover = old.hand_over().unwrap();
    new.take_over(&handover);
    assert!(old.retire(&handover));
    (new, handover)
}

#[test]
fn what_has_happened_since_is_not_lost() {
    let of = |failures| {
        let config = Config::new().consecutive_failures(failures).open_for(9);
        Subject::try_new(Replaceable(config), (), clock(), ()).unwrap()
    };
    let (old, mut new) = (of(3), of(4));
    let handover = old.hand_over().unwrap();
    new.take_over(&handover);
    old.force_open();
    assert!(!old.retire(&handover) && !old.is_retired());
    let handover = old.hand_over().unwrap();
    new.take_over(&handover);
    assert!(old.retire(&handover) && old.is_retired());
    assert_eq!(new.phase(), Phase::ForcedOpen);
    assert!(old.hand_over().is_none() && !old.retire(&handover));
}

/// The word of a new window happens to have the tag of generation 255.
#[test]
fn a_new_window_is_empty_whatever_the_generation() {
    let of = |clock| {
        let config = Config::new().failures_in_window(2).last_calls(9).open_for(9);
        Subject::try_new(Replaceable(config), ShortWindow::new(), clock, ()).unwrap()
    };
    let clock = clock();
    let mut breaker = of(clock);
    for generation in 0..=600_u32 {
        assert_eq!(u32::from(breaker.snapshot().generation), generation % 256);
        breaker = successor(&breaker, of(clock)).0;
        assert_eq!(breaker.tally().calls, 0);
        if breaker.phase() == Phase::Closed {
            breaker.try_acquire().unwrap().failure();
            assert_eq!((breaker.tally().calls, breaker.tally().failed), (1, 1));
            breaker.trip();
        } else {
            breaker.reset();
        }
    }
}

#[test]
fn a_ramp_goes_on_if_the_successor_has_one() {
    let clock = clock();
    let of = |config| Subject::try_new(Replaceable(config), (), clock, ()).unwrap();
    let plain = Config::new().consecutive_failures(3).open_for(10);
    let ramping = plain.ramp([50], 100);
    let old = of(ramping);
    old.trip();
    clock.advance(10);
    old.try_acquire().unwrap().success();
    let admitted = |breaker: &Subject<()>| {
        (0..10).filter(|_| breaker.try_acquire().map(|permit| permit.ignore()).is_ok()).count()
    };
    assert_eq!(admitted(&old), 5);
    let (same, _) = successor(&old, of(ramping.consecutive_failures(4)));
    assert_eq!(admitted(&same), 5);
    let (without, _) = successor(&same, of(plain));
    assert_eq!(admitted(&without), 10);
}

#[test]
fn a_ramp_that_is_ahead_stays_so() {
    let clock = clock();
    let config = Config::new().consecutive_failures(3).open_for(10).ramp([10, 25, 50], 100);
    let of = |config| Subject::try_new(Replaceable(config), (), clock, ()).unwrap();
    let old = of(config);
    old.trip();
    assert!(old.follow(Decision::CloseAsOf(130)));
    clock.advance(30);
    let (new, _) = successor(&old, of(config.consecutive_failures(4)));
    let now = new.outlook();
    assert_eq!((now.ramp_step, now.changes_in), (Some(1), Some(40)));
    let (slower, _) = successor(&new, of(config.ramp([10, 50], 200)));
    assert_eq!(slower.outlook().changes_in, Some(40), "160 ticks of 200");
}

#[test]
fn an_opening_stays_as_long_as_it_was_whatever_the_successor_has() {
    let clock = clock();
    let of = |ticks| {
        let config = Config::new().consecutive_failures(3).open_for(ticks);
        Subject::try_new(Replaceable(config), (), clock, ()).unwrap()
    };
    let old = of(10);
    old.trip();
    clock.advance(4);
    let (longer, _) = successor(&old, of(30));
    let (same, _) = successor(&longer, of(30));
    clock.advance(5);
    assert!(same.try_acquire().is_err());
    clock.advance(1);
    assert!(same.try_acquire().is_ok());
}

#[derive(Default)]
struct Told(std::cell::RefCell<Vec<Cause>>);

impl Observer for Told {
    fn would_trip(&self, cause: Cause) {
        self.0.borrow_mut().push(cause);
    }
}

#[test]
fn a_dry_run_does_not_report_a_policy_again() {
    let of = |failures| {
        let config = Config::new().consecutive_failures(failures).open_for(9);
        Subject::try_new(Replaceable(config), (), clock(), Told::default()).unwrap()
    };
    let old = of(2);
    old.metrics_only();
    (0..2).for_each(|_| old.try_acquire().unwrap().failure());
    assert_eq!(*old.observer().0.borrow(), [Cause::ConsecutiveFailures]);
    let (new, _) = successor(&old, of(1));
    new.try_acquire().unwrap().failure();
    assert!(new.observer().0.borrow().is_empty());
}
