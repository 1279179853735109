//! Failures that a time-based window of the adapter counts without adding up: invariants 1
//! and 2, where each thread has a share of the failures that cannot trip the breaker.
#![cfg(loom)]

use std::sync::Arc;
use std::time::Duration;

use microbreaker_loom_tests::*;
use microbreaker_std::{Breaker, Phase, Settings};

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

/// A breaker that has seen a failure, so that a cell has a share.
fn failed_once(settings: Settings) -> Arc<Breaker> {
    let breaker = Breaker::builder("users").settings(settings).clock(Still).build().unwrap();
    fail(&breaker);
    Arc::new(breaker)
}

fn fail(breaker: &Breaker) {
    if let Ok(permit) = breaker.try_acquire() {
        permit.failure();
    }
}

fn fail_times(count: u32) -> impl Fn(&Breaker) {
    move |breaker| (0..count).for_each(|_| fail(breaker))
}

/// The share is for the cells that there were; another thread comes.
#[test]
fn a_failure_in_a_new_cell_beside_those_of_a_share() {
    model_with(2, || {
        let breaker = failed_once(all_of(4));
        race(&breaker, fail, fail_times(2));
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// Each thread has a share when the failures race that together trip it.
#[test]
fn failures_in_two_cells_with_shares() {
    model_with(2, || {
        let breaker = failed_once(all_of(7));
        race(&breaker, fail_times(3), fail_times(3));
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// One less than what trips it, in whichever order.
#[test]
fn failures_in_two_cells_that_do_not_trip() {
    model_with(2, || {
        let breaker = failed_once(all_of(6));
        race(&breaker, fail_times(2), fail_times(2));
        assert_eq!(breaker.phase(), Phase::Closed);
        fail(&breaker);
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// Shares of the tenure before are none of the new one.
#[test]
fn failures_after_a_reset_beside_one_of_before() {
    model_with(2, || {
        let breaker = failed_once(all_of(4));
        let before = breaker.try_acquire_owned().unwrap();
        race(
            &breaker,
            |_| before.failure(),
            |b| {
                b.reset();
                fail_times(4)(b);
            },
        );
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// A share by the settings before would hide failures that trip the breaker by the new ones.
#[test]
fn failures_after_a_reload_beside_one_of_before() {
    model_with(2, || {
        let breaker = failed_once(all_of(8));
        race(&breaker, fail, |b| {
            b.reload(&all_of(4)).unwrap();
            fail_times(2)(b);
        });
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// Of two threads that have the same common cell, the first has yet to give it back.
#[test]
fn a_failure_in_a_common_cell_beside_a_slow_call_that_adds_up() {
    model_with(2, || {
        let settings = Settings {
            failure_rate: Some(50),
            slow_rate: Some(100),
            slow_after: Some(Duration::from_secs(1)),
            min_calls: Some(1),
            within: Some(Duration::from_secs(10)),
            open_for: Some(Duration::from_secs(10)),
            ..Settings::default()
        };
        let breaker = Breaker::builder("users").settings(settings).clock(Still).build().unwrap();
        let breaker = Arc::new(breaker);
        for _ in 0..4 {
            breaker.try_acquire().unwrap().success();
        }
        // Number 1: the next have common cells.
        race(&breaker, |b| b.try_acquire().unwrap().success(), |_| ());
        fail(&breaker);
        breaker.reset();
        race3(
            &breaker,
            |b| {
                if let Ok(permit) = b.try_acquire() {
                    permit.took(Duration::from_secs(2)).success();
                }
            },
            fail,
            |_| (),
        );
        assert_eq!(breaker.phase(), Phase::Open, "{:?}", breaker.snapshot());
    });
}
