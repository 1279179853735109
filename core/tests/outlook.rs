//! What a caller that waits is told.

use std::cell::Cell;
use std::time::Duration;

use microbreaker::clock::ManualClock;
use microbreaker::{Breaker, Config, Observer, Outcome, Outlook, Permit, Phase, Rejected};

const CONFIG: Config = Config::new().consecutive_failures(1).open_for(100);

/// Counts what is told to those who wait, and to those who are refused.
#[derive(Default)]
struct Told {
    changes: Cell<u32>,
    rejections: Cell<u32>,
}

impl Observer for Told {
    fn admission_changed(&self, _: u8) {
        self.changes.set(self.changes.get() + 1);
    }

    fn rejection(&self, _: &Rejected) {
        self.rejections.set(self.rejections.get() + 1);
    }
}

type Subject<'a> = Breaker<(), &'a ManualClock, Told>;

fn breaker(config: Config, clock: &ManualClock) -> Subject<'_> {
    Breaker::observed(config, (), clock, Told::default())
}

/// The room and the ticks of an outlook.
fn seen(breaker: &Subject<'_>) -> (u32, Option<u32>) {
    let Outlook { room, changes_in, .. } = breaker.outlook();
    (room, changes_in)
}

/// What changed meanwhile, within a phase.
fn changes<T>(breaker: &Subject<'_>, f: impl FnOnce() -> T) -> (u32, T) {
    let before = breaker.observer().changes.get();
    let done = f();
    (breaker.observer().changes.get() - before, done)
}

fn probe<'a>(breaker: &'a Subject<'_>) -> Permit<'a, Subject<'a>> {
    breaker.try_acquire_quietly().unwrap()
}

/// A breaker that its probe has just closed.
fn on_a_ramp(config: Config, clock: &ManualClock) -> Subject<'_> {
    let breaker = breaker(config, clock);
    breaker.trip();
    clock.advance(100);
    probe(&breaker).finish(Outcome::Success);
    breaker
}

#[test]
fn a_closed_breaker_has_room_for_all() {
    let clock = ManualClock::new(0);
    let breaker = breaker(CONFIG, &clock);
    assert_eq!(seen(&breaker), (Outlook::ALL, None));
    breaker.disable();
    assert_eq!(seen(&breaker), (Outlook::ALL, None));
    breaker.metrics_only();
    assert_eq!(seen(&breaker), (Outlook::ALL, None));
}

#[test]
fn an_opening_has_no_room_until_it_ends() {
    let clock = ManualClock::new(0);
    let breaker = breaker(CONFIG.probes(3), &clock);
    breaker.trip();
    clock.advance(30);
    assert_eq!(seen(&breaker), (0, Some(70)));
    let (changed, ()) = changes(&breaker, || breaker.trip_for(10));
    assert_eq!((changed, seen(&breaker)), (1, (0, Some(10))), "an opening that began afresh");
    clock.advance(10);
    assert_eq!(breaker.outlook().room, 3);
    breaker.force_open();
    assert_eq!(seen(&breaker), (0, None), "until a command");
}

#[test]
fn half_open_has_room_for_the_probes_that_are_left() {
    let clock = ManualClock::new(0);
    let breaker = breaker(CONFIG.probes(3).probe_timeout(50), &clock);
    breaker.trip();
    clock.advance(100);
    let next = breaker.outlook().generation;
    let first = probe(&breaker);
    assert_eq!((breaker.outlook().generation, seen(&breaker)), (next, (2, Some(50))));
    let (changed, second) = changes(&breaker, || probe(&breaker));
    assert_eq!((changed, seen(&breaker).0), (1, 1), "a probe was given out");
    let (changed, ()) = changes(&breaker, || first.finish(Outcome::Success));
    assert_eq!((changed, seen(&breaker).0), (1, 1), "a probe has ended, and counts");
    let (changed, ()) = changes(&breaker, || second.finish(Outcome::Ignored));
    assert_eq!((changed, seen(&breaker).0), (1, 2), "a probe was handed back");
    let (third, fourth) = (probe(&breaker), probe(&breaker));
    clock.advance(20);
    assert_eq!(seen(&breaker), (0, Some(30)), "the deadline of the probes");
    assert!(breaker.try_acquire_quietly().is_err());
    assert_eq!(breaker.observer().rejections.get(), 0);
    clock.advance(30);
    assert_eq!(seen(&breaker), (0, Some(100)), "overdue, so open again");
    assert_eq!(breaker.phase(), Phase::Open);
    drop((third, fourth));
}

#[test]
fn a_probe_that_has_failed_leaves_no_room() {
    let clock = ManualClock::new(0);
    let breaker = breaker(CONFIG.probes(3).successes(1), &clock);
    breaker.trip();
    clock.advance(100);
    probe(&breaker).finish(Outcome::Failure);
    assert_eq!((breaker.phase(), breaker.outlook().room), (Phase::HalfOpen, 2));
}

#[test]
fn a_probe_that_ends_makes_room_where_probes_are_reused() {
    let clock = ManualClock::new(0);
    let breaker = breaker(CONFIG.probes(1).reuse_probes_until(3), &clock);
    breaker.trip();
    clock.advance(100);
    let first = probe(&breaker);
    assert_eq!(breaker.outlook().room, 0);
    let (changed, ()) = changes(&breaker, || first.finish(Outcome::Success));
    assert_eq!((changed, breaker.phase(), breaker.outlook().room), (1, Phase::HalfOpen, 1));
}

#[test]
fn a_ramp_has_room_once_enough_calls_were_offered() {
    let clock = ManualClock::new(0);
    let breaker = on_a_ramp(CONFIG.ramp([25, 50], 1_000), &clock);
    clock.advance(400);
    let step = |breaker: &Subject<'_>| breaker.outlook().ramp_step;
    assert_eq!((step(&breaker), seen(&breaker)), (Some(0), (0, Some(600))));
    breaker.offer();
    breaker.offer();
    assert_eq!(seen(&breaker).0, 0, "two of four calls were offered");
    let (changed, refused) = changes(&breaker, || breaker.try_acquire());
    assert!(refused.is_err());
    assert_eq!((changed, seen(&breaker).0), (1, 1), "the fourth will be admitted");
    breaker.offer();
    let (changed, admitted) = changes(&breaker, || breaker.try_acquire_quietly());
    assert!(admitted.is_ok());
    assert_eq!((changed, seen(&breaker).0), (1, 0), "an offer took nothing away");
    clock.advance(600);
    assert_eq!((step(&breaker), seen(&breaker)), (Some(1), (0, Some(1_000))));
    clock.advance(1_000);
    assert_eq!((step(&breaker), seen(&breaker)), (None, (Outlook::ALL, None)));
}

#[test]
fn those_who_wait_get_no_more_than_the_share_of_a_ramp() {
    let clock = ManualClock::new(0);
    let breaker = on_a_ramp(CONFIG.ramp([50], 1_000), &clock);
    for _ in 0..5 {
        breaker.offer();
    }
    let admitted = || breaker.try_acquire().map(|permit| permit.ignore()).is_ok();
    assert_eq!([admitted(), admitted(), admitted(), admitted()], [true, false, true, false]);
}

#[test]
fn a_breaker_that_is_new_or_was_reset_is_on_no_ramp() {
    let clock = ManualClock::new(0);
    let breaker = breaker(CONFIG.ramp([25], 1_000), &clock);
    let assert_on_no_ramp = || {
        assert_eq!((breaker.outlook().ramp_step, seen(&breaker)), (None, (Outlook::ALL, None)));
    };
    assert_on_no_ramp();
    breaker.trip();
    breaker.reset();
    assert_on_no_ramp();
    breaker.offer();
    assert_on_no_ramp();
}

#[test]
fn what_exceeds_a_call_counts_towards_the_next() {
    let clock = ManualClock::new(0);
    let breaker = on_a_ramp(CONFIG.ramp([60], 1_000), &clock);
    let admitted =
        (0..10).filter(|_| breaker.try_acquire().map(|permit| permit.ignore()).is_ok()).count();
    assert_eq!(admitted, 6);
}

#[test]
fn healthy_calls_report_no_change() {
    let clock = ManualClock::new(0);
    let breaker = breaker(CONFIG.consecutive_failures(3), &clock);
    let (changed, _) = changes(&breaker, || {
        let _ = breaker.call(|| Ok::<_, ()>(()));
        let _ = breaker.call(|| Err::<(), _>(Duration::ZERO));
        breaker.call(|| Ok::<_, ()>(()))
    });
    assert_eq!(changed, 0);
}

#[test]
fn one_that_waits_is_told_how_long_if_that_is_known() {
    let clock = ManualClock::new(0);
    let breaker = breaker(CONFIG.no_probe_timeout(), &clock);
    breaker.trip();
    clock.advance(1);
    let refused = |phase| {
        let rejected = breaker.try_acquire_quietly().unwrap_err();
        assert_eq!(rejected.phase, phase);
        rejected.retry_after
    };
    assert_eq!(refused(Phase::Open), Some(99));
    clock.advance(99);
    let _probe = breaker.try_acquire_quietly().unwrap();
    assert_eq!(refused(Phase::HalfOpen), None);
}
