//! Reloads of an adapter's breaker beside commands, failures and readers, in random
//! schedules.
#![cfg(shuttle)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use microbreaker_shuttle::{run_random, schedules};
use microbreaker_std::{Breaker, Phase, Settings};

fn settings(failures: u32) -> Settings {
    let open_for = Some(Duration::from_secs(10));
    Settings { consecutive_failures: Some(failures), open_for, ..Settings::default() }
}

/// A breaker at a clock that stands still.
fn breaker() -> Arc<Breaker> {
    let builder = Breaker::builder("users").settings(settings(9)).clock(|| 0);
    Arc::new(builder.build().unwrap())
}

type Act = fn(&Breaker);

/// Runs each list of acts on a thread of its own, and then checks the breaker.
fn check(lists: &'static [&'static [Act]], check: Act) {
    let history = move || {
        let breaker = breaker();
        let start = |acts: &&'static [Act]| {
            let (acts, breaker) = (*acts, breaker.clone());
            shuttle::thread::spawn(move || acts.iter().for_each(|act| act(&breaker)))
        };
        let running: Vec<_> = lists.iter().map(start).collect();
        running.into_iter().for_each(|thread| thread.join().unwrap());
        check(&breaker);
    };
    run_random(schedules(), 4, history);
}

fn reload(breaker: &Breaker) {
    // Different from those in use, whichever thread was last.
    static FAILURES: AtomicU32 = AtomicU32::new(0);
    let failures = 10 + FAILURES.fetch_add(1, Ordering::Relaxed) % 100;
    breaker.reload(&settings(failures)).unwrap();
}

fn fail(breaker: &Breaker) {
    if let Ok(permit) = breaker.try_acquire() {
        permit.failure();
    }
}

/// Each failure makes a reload begin again, with another successor than the one that was
/// named first. A command must not go to that one.
#[test]
fn a_command_beside_reloads_that_begin_again_holds() {
    check(&[&[reload, reload], &[fail, fail, fail], &[Breaker::force_open]], |breaker| {
        assert_eq!(breaker.phase(), Phase::ForcedOpen);
    });
}

#[test]
fn failures_beside_reloads_count_once() {
    check(&[&[reload, reload], &[fail, fail], &[fail], &[reload]], |breaker| {
        assert_eq!(breaker.snapshot().consecutive_failures, 3);
    });
}

/// Once a reader has seen the command, no other sees what was before.
#[test]
fn readers_beside_reloads_see_a_command_take_effect_once() {
    fn read(breaker: &Breaker) {
        let first = breaker.phase();
        assert!(matches!(first, Phase::Closed | Phase::Disabled), "{first}");
        if first == Phase::Disabled {
            assert_eq!(breaker.snapshot().phase, Phase::Disabled);
        }
    }
    let lists: &[&[Act]] = &[&[reload, reload], &[fail, Breaker::disable], &[read, read], &[read]];
    check(lists, |breaker| assert_eq!(breaker.phase(), Phase::Disabled));
}
