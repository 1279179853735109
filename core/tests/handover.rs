//! A successor goes on in the tenure that it takes over.

use microbreaker::config::ConfigSource;
use microbreaker::handover::Handover;
use microbreaker::window::Window;
use microbreaker::{
    Breaker, Cause, Config, Decision, Observer, Outcome, Phase, ShortWindow, Token, WithSlow,
    clock::ManualClock,
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

/// The word of a new window happens to have the tag of generation 255, in which the first of
/// these is open, and the second closed: one of its openings begins afresh.
#[test]
fn a_new_window_is_empty_whatever_the_generation() {
    for openings in [0, 2] {
        let of = |clock| {
            let config = Config::new().failures_in_window(2).last_calls(9).open_for(9);
            Subject::try_new(Replaceable(config), ShortWindow::new(), clock, ()).unwrap()
        };
        let clock = clock();
        let mut breaker = of(clock);
        (0..openings).for_each(|_| breaker.trip());
        for generation in openings..=600_u32 {
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

#[test]
fn an_opening_keeps_its_backoff_and_shows_the_probes_that_began_it() {
    let clock = clock();
    let of = |config| Subject::try_new(Replaceable(config), (), clock, ()).unwrap();
    let config = Config::new().consecutive_failures(1).open_for(10).backoff(2, 1_000);
    let old = of(config);
    old.trip();
    clock.advance(10);
    old.try_acquire().unwrap().failure();
    let (new, _) = successor(&old, of(config.consecutive_failures(4)));
    assert_eq!((new.snapshot().backoff_level, new.snapshot().retry_after), (1, Some(20)));
    assert_eq!((new.snapshot().tally.calls, new.snapshot().tally.failed), (1, 1));
    clock.advance(20);
    new.try_acquire().unwrap().failure();
    assert_eq!((new.snapshot().backoff_level, new.snapshot().retry_after), (2, Some(40)));
}

#[test]
fn probes_go_on_unless_they_would_decide() {
    let clock = clock();
    let of = |successes| {
        let config = Config::new().consecutive_failures(1).open_for(10).probes(3);
        Subject::try_new(Replaceable(config.successes(successes)), (), clock, ()).unwrap()
    };
    let half_open = || {
        let breaker = of(3);
        breaker.trip();
        clock.advance(10);
        let out = breaker.try_acquire().unwrap().into_token();
        breaker.try_acquire().unwrap().success();
        assert_eq!(breaker.outlook().room, 1);
        (breaker, out)
    };

    let (old, out) = half_open();
    let (new, _) = successor(&old, of(2));
    assert_eq!(new.outlook().room, 1);
    new.resume(out).success();
    assert_eq!(new.phase(), Phase::Closed);

    let (old, out) = half_open();
    let (new, _) = successor(&old, of(1));
    assert_eq!(new.outlook().room, 2, "the one that has finished is forgotten");
    new.resume(out).success();
    assert_eq!(new.phase(), Phase::Closed);
}

#[test]
fn a_stay_in_half_open_goes_on() {
    // Of the tick at which it began, the word has the low 23 bits.
    for start in [0, 1 << 23, u32::MAX - 30] {
        let clock = clock();
        clock.set(start);
        let of = |failures| {
            let config = Config::new().consecutive_failures(failures).open_for(10);
            let config = config.no_probe_timeout().longest_half_open(100);
            Subject::try_new(Replaceable(config), (), clock, ()).unwrap()
        };
        let old = of(1);
        old.trip();
        clock.advance(10);
        old.try_acquire().unwrap().ignore();
        clock.advance(30);
        let _ = old.try_acquire().unwrap().into_token();
        clock.advance(30);
        let (new, _) = successor(&old, of(2));
        clock.advance(39);
        assert_eq!(new.phase(), Phase::HalfOpen);
        clock.advance(1);
        assert_eq!(new.phase(), Phase::Open);
    }
}

/// Hears how calls ended, and whether they were stale.
#[derive(Default)]
struct Ends(std::cell::RefCell<Vec<(Outcome, bool)>>);

impl Observer for Ends {
    fn outcome(&self, outcome: Outcome, stale: bool) {
        self.0.borrow_mut().push((outcome, stale));
    }
}

impl Ends {
    fn take(&self) -> Vec<(Outcome, bool)> {
        self.0.take()
    }
}

const OUTCOMES: [Outcome; 5] = [
    Outcome::Success,
    Outcome::Failure,
    Outcome::WeightedFailure(1),
    Outcome::FailureOpenFor(20),
    Outcome::Ignored,
];

/// A closed breaker that trips by two failures, and the token of a call.
fn calling(clock: &'static ManualClock) -> (Subject<ShortWindow, Ends>, Token) {
    let config = Config::new().failures_in_window(2).last_calls(9).open_for(9);
    let breaker =
        Subject::try_new(Replaceable(config), ShortWindow::new(), clock, Ends::default()).unwrap();
    let token = breaker.try_acquire().unwrap().into_token();
    (breaker, token)
}

#[test]
fn an_outcome_counts_once_before_the_handover() {
    for outcome in OUTCOMES {
        let (breaker, token) = calling(clock());
        assert_eq!(breaker.end(token, 0, None, outcome), Ok(()));
        assert_eq!(breaker.observer().take(), [(outcome, false)]);
        let demanded = outcome == Outcome::FailureOpenFor(20);
        let failed = matches!(outcome, Outcome::Failure | Outcome::WeightedFailure(_));
        assert_eq!(breaker.phase() == Phase::Open, demanded);
        assert_eq!(breaker.tally().failed, u32::from(failed));
        assert_eq!(breaker.tally().calls, u32::from(failed || outcome == Outcome::Success));
    }
}

#[test]
fn a_failure_counts_where_nothing_has_failed() {
    let (breaker, token) = calling(clock());
    (0..9).for_each(|_| breaker.try_acquire().unwrap().success());
    assert_eq!(breaker.end(token, 0, None, Outcome::Failure), Ok(()));
    assert_eq!(breaker.tally().failed, 1);
}

#[test]
fn a_success_counts_where_something_has_failed() {
    let (breaker, token) = calling(clock());
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.end(token, 0, None, Outcome::Success), Ok(()));
    assert_eq!((breaker.tally().calls, breaker.tally().failed), (2, 1));
}

#[test]
fn a_success_that_was_slow_counts_as_slow() {
    let config = Config::new().slow_rate(100).slow_after(20).last_calls(9).min_calls(2).open_for(9);
    let window = WithSlow::new(ShortWindow::new(), ShortWindow::new());
    let breaker = Subject::try_new(Replaceable(config), window, clock(), ()).unwrap();
    // So many that both windows are quiet.
    (0..9).for_each(|_| breaker.try_acquire().unwrap().success());
    let token = breaker.try_acquire().unwrap().into_token();
    assert_eq!(breaker.end(token, 0, Some(21), Outcome::Success), Ok(()));
    assert_eq!((breaker.tally().calls, breaker.tally().slow), (9, 1));
}

#[test]
fn an_outcome_of_an_earlier_tenure_is_stale_and_not_late() {
    for outcome in OUTCOMES {
        let (breaker, token) = calling(clock());
        breaker.trip();
        breaker.reset();
        breaker.observer().take();
        assert_eq!(breaker.end(token, 0, None, outcome), Ok(()));
        assert_eq!(breaker.observer().take(), [(outcome, true)]);
        assert_eq!(breaker.tally().calls, 0);
    }
}

#[test]
fn an_outcome_after_the_handover_counts_once_and_with_the_successor() {
    for outcome in OUTCOMES {
        let clock = clock();
        let (old, token) = calling(clock);
        let (new, _) = successor(&old, calling(clock).0);
        let late = old.end(token, 0, None, outcome).expect_err("it was handed over");
        assert!(!late.is_recorded());
        assert!(old.observer().take().is_empty() && new.observer().take().is_empty());
        assert_eq!(new.end_late(token, 0, None, outcome, late), Ok(()));
        assert_eq!(new.observer().take(), [(outcome, false)]);
        assert_eq!(new.phase() == Phase::Open, outcome == Outcome::FailureOpenFor(20));
        let failed = matches!(outcome, Outcome::Failure | Outcome::WeightedFailure(_));
        assert_eq!(new.tally().failed, u32::from(failed));
    }
}

/// Which the predecessor would have had next, had it not been handed over.
#[test]
fn an_outcome_of_a_later_tenure_is_late_for_the_predecessor() {
    let clock = clock();
    let (old, _) = calling(clock);
    let (new, _) = successor(&old, calling(clock).0);
    new.disable();
    let token = new.try_acquire().unwrap().into_token();
    let late = old.end(token, 0, None, Outcome::Failure).expect_err("it was handed over");
    assert!(!late.is_recorded());
}

#[test]
fn an_outcome_is_late_for_each_that_was_handed_over() {
    let clock = clock();
    let (first, token) = calling(clock);
    let (second, _) = successor(&first, calling(clock).0);
    let (third, _) = successor(&second, calling(clock).0);
    let late = first.end(token, 0, None, Outcome::Failure).unwrap_err();
    let late = second.end_late(token, 0, None, Outcome::Failure, late).unwrap_err();
    assert_eq!(third.end_late(token, 0, None, Outcome::Failure, late), Ok(()));
    assert_eq!(third.tally().failed, 1);
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
