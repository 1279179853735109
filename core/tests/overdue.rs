//! Half-open phases that are overdue, before anybody has noticed: what is done to them is done
//! to what they read as.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use microbreaker::clock::ManualClock;
use microbreaker::config::AfterProbeTimeout;
use microbreaker::window::Window;
use microbreaker::{
    Breaker, Clock, Config, Observer, Outcome, Outlook, Phase, ShortWindow, Token, Transition,
    WithSlow,
};

const CONFIG: Config = Config::new().consecutive_failures(1).open_for(50);

/// A breaker whose only probe is lost and overdue.
fn overdue(config: Config, clock: &ManualClock) -> Breaker<(), &ManualClock> {
    let breaker = Breaker::new(config, (), clock);
    breaker.trip();
    clock.advance(50);
    // Never ended.
    let _ = breaker.try_acquire().unwrap().into_token();
    clock.advance(50);
    breaker
}

#[test]
fn to_trip_what_reads_as_closed_is_no_relapse() {
    let clock = ManualClock::new(0);
    let config = CONFIG.backoff(2, 800).after_probe_timeout(AfterProbeTimeout::Close);
    let breaker = overdue(config, &clock);
    assert_eq!(breaker.phase(), Phase::Closed);
    breaker.trip();
    assert_eq!(breaker.snapshot().retry_after, Some(50));
    assert_eq!(breaker.snapshot().backoff_level, 0);
}

#[test]
fn to_trip_what_reads_as_open_begins_the_opening_afresh_that_has_been_backed_off() {
    let clock = ManualClock::new(0);
    let breaker = overdue(CONFIG.backoff(2, 800), &clock);
    clock.advance(20);
    assert_eq!(breaker.snapshot().retry_after, Some(80));
    breaker.trip();
    assert_eq!(breaker.snapshot().retry_after, Some(100));
    assert_eq!(breaker.snapshot().backoff_level, 1);
}

#[test]
fn a_dry_run_of_what_reads_as_closed_has_no_backoff() {
    let clock = ManualClock::new(0);
    let config = CONFIG.backoff(2, 800).after_probe_timeout(AfterProbeTimeout::Close);
    let breaker = overdue(config, &clock);
    breaker.try_acquire().unwrap().failure();
    clock.advance(50);
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.snapshot().backoff_level, 1);
    clock.advance(100);
    let _ = breaker.try_acquire().unwrap().into_token();
    clock.advance(100);
    assert_eq!(breaker.snapshot().backoff_level, 0);
    breaker.metrics_only();
    assert_eq!(breaker.snapshot().backoff_level, 0);
}

#[test]
fn those_who_wait_find_the_ramp_of_a_half_open_that_closes_by_its_deadline() {
    let clock = ManualClock::new(0);
    let config = CONFIG.ramp([10], 1_000).after_probe_timeout(AfterProbeTimeout::Close);
    let breaker = overdue(config, &clock);
    for _ in 0..20 {
        breaker.offer();
    }
    let outlook = breaker.outlook();
    assert_eq!(outlook.changes_in, Some(1_000));
    clock.advance(1_000);
    assert_eq!(breaker.outlook().room, Outlook::ALL);
}

/// Panics at the first transition to half-open, and poisons its lock.
struct Poisoned(Mutex<u32>, AtomicBool);

impl Observer for Poisoned {
    fn transition(&self, transition: &Transition) {
        let _locked = self.0.lock().unwrap();
        assert!(transition.to != Phase::HalfOpen || !self.1.swap(false, Ordering::Relaxed));
    }

    fn admission_changed(&self, _: u8) {
        *self.0.lock().unwrap() += 1;
    }
}

#[test]
fn a_place_is_handed_back_although_the_observer_would_panic_again() {
    let tick = AtomicU32::new(0);
    let observer = Poisoned(Mutex::default(), true.into());
    let breaker =
        Breaker::observed(CONFIG.open_for(10), (), || tick.load(Ordering::Relaxed), observer);
    breaker.trip();
    tick.store(10, Ordering::Relaxed);
    let acquired = AssertUnwindSafe(|| breaker.try_acquire().map(|permit| permit.into_token()));
    assert!(catch_unwind(acquired).is_err());
    assert_eq!((breaker.phase(), breaker.outlook().room), (Phase::HalfOpen, 1));
}

/// At the first transition to half-open somebody else interferes, takes the probe of the next
/// half-open phase, and then this panics.
struct Interrupted<'a> {
    breaker: &'a OnceLock<Breaker<(), &'a ManualClock, Interrupted<'a>>>,
    clock: &'a ManualClock,
    has_panicked: AtomicBool,
}

impl Observer for Interrupted<'_> {
    fn transition(&self, transition: &Transition) {
        if transition.to != Phase::HalfOpen || self.has_panicked.swap(true, Ordering::Relaxed) {
            return;
        }
        let breaker = self.breaker.get().unwrap();
        breaker.trip();
        self.clock.advance(50);
        let _ = breaker.try_acquire().unwrap().into_token();
        panic!("interrupted");
    }
}

#[test]
fn the_place_of_a_later_probe_is_not_handed_back() {
    let (clock, breaker) = (ManualClock::new(0), OnceLock::new());
    let observer =
        Interrupted { breaker: &breaker, clock: &clock, has_panicked: AtomicBool::new(false) };
    let breaker = breaker.get_or_init(|| Breaker::observed(CONFIG, (), &clock, observer));
    breaker.trip();
    clock.advance(50);
    let acquired = AssertUnwindSafe(|| breaker.try_acquire().map(|permit| permit.into_token()));
    assert!(catch_unwind(acquired).is_err());
    assert_eq!((breaker.phase(), breaker.outlook().room), (Phase::HalfOpen, 0));
}

/// Of a breaker that may be half-open for 50 ticks, and whose probe may take 20.
#[test]
fn an_opening_begins_when_the_stay_ended_if_no_probe_was_out() {
    let clock = ManualClock::new(0);
    let breaker = Breaker::new(CONFIG.probe_timeout(20).longest_half_open(50), (), &clock);
    breaker.trip();
    clock.advance(50);
    breaker.try_acquire().unwrap().ignore();
    clock.advance(60);
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after, Some(40));
    assert_eq!(breaker.snapshot().retry_after, Some(40));
}

/// A clock of which one reading to come panics.
#[derive(Default)]
struct Faulty {
    tick: AtomicU32,
    /// Readings until then.
    left: AtomicU32,
}

impl Clock for &Faulty {
    fn now(&self) -> u32 {
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        assert!(left != 1, "the clock");
        self.tick.load(Ordering::Relaxed)
    }
}

/// Counts probes that have ended.
#[derive(Default)]
struct Ended(AtomicU32);

impl Observer for Ended {
    fn probe_ended(&self, _: Outcome, _: bool) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

type Probing<'a, W> = Breaker<W, &'a Faulty, Ended>;

/// Whatever `f` does with the token of a probe, and whichever of its readings panics, the
/// place is given out again, and the probe has ended once.
fn assert_handed_back<W: Window + Default>(config: Config, f: fn(&Probing<'_, W>, Token)) {
    for reading in 1.. {
        let clock = Faulty::default();
        let config = config.open_for(10).no_probe_timeout().abandoned_fails();
        let breaker = Breaker::observed(config, W::default(), &clock, Ended::default());
        breaker.trip();
        clock.tick.store(10, Ordering::Relaxed);
        let token = breaker.try_acquire().unwrap().into_token();
        clock.left.store(reading, Ordering::Relaxed);
        if catch_unwind(AssertUnwindSafe(|| f(&breaker, token))).is_ok() {
            assert!(reading > 1, "it reads the clock");
            return;
        }
        assert!(breaker.phase() != Phase::HalfOpen || breaker.outlook().room == 1, "{reading}");
        assert_eq!(breaker.observer().0.load(Ordering::Relaxed), 1, "{reading}");
    }
}

#[test]
fn a_place_is_handed_back_if_the_clock_panics_while_its_probe_ends() {
    type Slow = WithSlow<ShortWindow>;
    let slow = Config::new().slow_rate(100).slow_after(9).last_calls(9).min_calls(9);
    assert_handed_back::<()>(CONFIG, |breaker, token| breaker.resume(token).success());
    assert_handed_back::<()>(CONFIG, |breaker, token| breaker.resume(token).failure());
    assert_handed_back::<()>(CONFIG, |breaker, token| breaker.resume(token).ignore());
    assert_handed_back::<()>(CONFIG, |breaker, token| drop(breaker.resume(token)));
    assert_handed_back::<Slow>(slow, |breaker, token| breaker.resume(token).success());
    assert_handed_back::<Slow>(slow, |breaker, token| breaker.resume(token).failure());
    assert_handed_back::<Slow>(slow, |breaker, token| breaker.resume(token).ignore());
    assert_handed_back::<Slow>(slow, |breaker, token| drop(breaker.resume(token)));
}

#[test]
fn a_call_that_was_never_made_is_no_failure_although_the_clock_panics() {
    let clock = Faulty::default();
    let config = CONFIG.slow_rate(100).slow_after(9).last_calls(9).abandoned_fails();
    let breaker = Breaker::new(config, WithSlow::<ShortWindow>::default(), &clock);
    clock.left.store(1, Ordering::Relaxed);
    let acquired = AssertUnwindSafe(|| breaker.try_acquire().map(|permit| permit.into_token()));
    assert!(catch_unwind(acquired).is_err());
    assert_eq!((breaker.phase(), breaker.tally().calls), (Phase::Closed, 0));
}

#[test]
fn a_clock_that_panics_takes_nothing_from_a_closed_breaker() {
    let clock = Faulty::default();
    let config = CONFIG.consecutive_failures(3).slow_rate(100).slow_after(9).last_calls(9);
    let breaker = Breaker::new(config, WithSlow::<ShortWindow>::default(), &clock);
    breaker.try_acquire().unwrap().failure();
    let permit = breaker.try_acquire().unwrap();
    clock.left.store(1, Ordering::Relaxed);
    assert!(catch_unwind(AssertUnwindSafe(|| permit.failure())).is_err());
    assert_eq!(breaker.snapshot().consecutive_failures, 1);
}

/// Each probe that is handed back begins another tenure.
#[test]
fn a_stay_goes_on_through_more_tenures_than_there_are_generations() {
    let clock = ManualClock::new(0);
    let breaker = Breaker::new(CONFIG.no_probe_timeout().longest_half_open(1_000), (), &clock);
    breaker.trip();
    clock.advance(50);
    for _ in 0..999 {
        breaker.try_acquire().unwrap().ignore();
        clock.advance(1);
    }
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    clock.advance(1);
    assert_eq!(breaker.phase(), Phase::Open);
}

/// Is told the tick of each transition.
struct Told;

impl Observer for Told {}

#[test]
fn a_place_is_handed_back_although_the_clock_panics_for_good() {
    let readings_left = AtomicU32::new(u32::MAX);
    let tick = AtomicU32::new(0);
    let clock = || {
        let left = readings_left.load(Ordering::Relaxed);
        readings_left.store(left.checked_sub(1).expect("the clock has stopped"), Ordering::Relaxed);
        tick.load(Ordering::Relaxed)
    };
    let breaker = Breaker::observed(CONFIG.open_for(10), (), clock, Told);
    breaker.trip();
    tick.store(10, Ordering::Relaxed);
    // One, to find that the opening is over; none for the tick that the observer is told.
    readings_left.store(1, Ordering::Relaxed);
    let acquired = AssertUnwindSafe(|| breaker.try_acquire().map(|permit| permit.into_token()));
    assert!(catch_unwind(acquired).is_err());
    readings_left.store(u32::MAX, Ordering::Relaxed);
    assert_eq!((breaker.phase(), breaker.outlook().room), (Phase::HalfOpen, 1));
}
