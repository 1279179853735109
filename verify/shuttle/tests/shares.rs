//! Failures that an adapter's time-based window counts without adding up, in random schedules:
//! the last one of those that together trip the breaker does so, and none before it.
#![cfg(shuttle)]

use std::sync::Arc;
use std::time::Duration;

use microbreaker_shuttle::{run_random, schedules};
use microbreaker_std::{Breaker, Phase, Settings};

const THREADS: u32 = 4;
const EACH: u32 = 3;

/// Opens when all calls of the window failed, if there are at least as many.
fn all_of(calls: u32) -> Settings {
    Settings {
        failure_rate: Some(100),
        min_calls: Some(calls),
        within: Some(Duration::from_secs(10)),
        open_for: Some(Duration::from_secs(10)),
        ..Settings::default()
    }
}

fn fail(breaker: &Breaker) {
    if let Ok(permit) = breaker.try_acquire() {
        permit.failure();
    }
}

/// Has each thread fail so often, after one of them did `first`; then checks the breaker.
fn check(calls: u32, first: fn(&Breaker), check: fn(&Breaker)) {
    let history = move || {
        let builder = Breaker::builder("users").settings(all_of(calls)).clock(|| 0);
        let breaker = Arc::new(builder.build().unwrap());
        let start = |thread| {
            let breaker = breaker.clone();
            shuttle::thread::spawn(move || {
                if thread == 0 {
                    first(&breaker);
                }
                (0..EACH).for_each(|_| fail(&breaker));
            })
        };
        let running: Vec<_> = (0..THREADS).map(start).collect();
        running.into_iter().for_each(|thread| thread.join().unwrap());
        check(&breaker);
    };
    run_random(schedules(), 4, history);
}

#[test]
fn the_last_failure_of_many_threads_trips() {
    check(THREADS * EACH, |_| (), |breaker| assert_eq!(breaker.phase(), Phase::Open));
}

#[test]
fn one_failure_less_does_not_trip() {
    check(
        THREADS * EACH + 1,
        |_| (),
        |breaker| {
            assert_eq!(breaker.phase(), Phase::Closed);
            fail(breaker);
            assert_eq!(breaker.phase(), Phase::Open);
        },
    );
}

/// Shares that were given by the settings before hide nothing.
#[test]
fn the_last_failure_trips_by_settings_that_were_reloaded() {
    let reload = |breaker: &Breaker| _ = breaker.reload(&all_of(THREADS * EACH)).unwrap();
    check(10 * THREADS * EACH, reload, |breaker| assert_eq!(breaker.phase(), Phase::Open));
}
