//! A thread that falls asleep in a window by time, and wakes while another moves it on:
//! at every step of the one, and every step of the other.
#![cfg(shuttle)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use microbreaker::{Breaker, Config, Outcome, Phase, TimeWindow};
use microbreaker_shuttle_tests::{Switches, run};
use shuttle::{current, thread};

const BUCKET: u32 = 8;
const TWO_FAILURES: Config = Config::new().failures_in_window(2).bucket(BUCKET).open_for(100);
const SLEEPER: usize = 1;

type Subject = Breaker<TimeWindow<4>, Box<dyn Fn() -> u32 + Send + Sync>>;

fn call(breaker: &Subject, outcome: Outcome) {
    if let Ok(permit) = breaker.try_acquire() {
        permit.finish(outcome);
    }
}

/// The sleeper's call succeeds at the tick `asleep`. What the `other` thread does from
/// the tick `awake` on, with its clock, trips the breaker.
fn check(asleep: u32, awake: u32, other: fn(&Subject, &AtomicU32)) {
    let scheduler = Switches::new(3);
    let executions = scheduler.executions();
    run(scheduler, move || {
        let ticks = Arc::new(AtomicU32::new(awake));
        let clock = ticks.clone();
        let now = move || match current::me().into() {
            SLEEPER => asleep,
            _ => clock.load(Ordering::Relaxed),
        };
        let breaker: Subject = Breaker::new(TWO_FAILURES, TimeWindow::new(), Box::new(now));
        let breaker = Arc::new(breaker);
        let subject = breaker.clone();
        let sleeper = thread::spawn(move || call(&subject, Outcome::Success));
        let subject = breaker.clone();
        let other = thread::spawn(move || other(&subject, &ticks));
        sleeper.join().unwrap();
        other.join().unwrap();
        assert_eq!(breaker.phase(), Phase::Open);
    });
    let executions = *executions.lock().unwrap();
    assert!(executions > 1_000, "{executions} schedules");
}

/// It begins the tenure on the other side of a multiple of 2^23, and wakes when somebody
/// finds the slot that it looked at emptied as it should be.
#[test]
fn a_recorder_that_began_the_tenure() {
    let asleep = 1 << 23;
    check(asleep, asleep - 3 * BUCKET, |breaker, ticks| {
        call(breaker, Outcome::Failure);
        ticks.fetch_add(2 * BUCKET, Ordering::Relaxed);
        call(breaker, Outcome::Failure);
    });
}

/// The same with one of the tenure before. Generation and high bits together make the
/// tag 0: the slots of a new window look emptied.
#[test]
fn a_recorder_of_the_tenure_before() {
    let asleep = u32::MAX - 100_000;
    check(asleep, asleep, |breaker, ticks| {
        breaker.reset();
        call(breaker, Outcome::Failure);
        ticks.fetch_add(2 * BUCKET, Ordering::Relaxed);
        call(breaker, Outcome::Failure);
    });
}
