//! Changes settings while another thread makes calls.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, EventKind, Phase};

thread_local!(static TRIPS: Cell<u32> = const { Cell::new(0) });

/// A failure that trips the breaker is reported on the thread that made the call.
#[test]
fn no_trip_is_lost_while_settings_change() {
    let builder = Breaker::builder("users").consecutive_failures(1).clock(PausedClock::new());
    let breaker = builder.open_for(Duration::from_secs(10)).build().unwrap();
    breaker.on_event(|event| {
        if let EventKind::Transition { to: Phase::Open, .. } = event.kind {
            TRIPS.set(TRIPS.get() + 1);
        }
    });
    let (one, mut other) = (breaker.settings(), breaker.settings());
    other.open_for = Some(Duration::from_secs(20));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| {
            let mut reported = 0;
            while !done.load(Ordering::Relaxed) || reported < 1_000 {
                breaker.reset();
                let Ok(permit) = breaker.try_acquire() else { continue };
                let trips = TRIPS.get();
                permit.failure();
                assert!(TRIPS.get() > trips, "a trip was not reported");
                reported += 1;
            }
        });
        for _ in 0..30_000 {
            breaker.reload(&other).unwrap();
            breaker.reload(&one).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        caller.join().unwrap();
    });
}

/// Calls are admitted by an engine or by its successor, and none is refused in between.
#[test]
fn no_call_beside_a_reload_counts_as_refused_or_stale() {
    let builder = Breaker::builder("users").consecutive_failures(1).clock(PausedClock::new());
    let breaker = builder.open_for(Duration::from_secs(10)).build().unwrap();
    let (one, mut other) = (breaker.settings(), breaker.settings());
    other.open_for = Some(Duration::from_secs(20));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| {
            let mut calls = 0;
            while !done.load(Ordering::Relaxed) || calls < 1_000 {
                breaker.call(|| Ok::<_, ()>(())).unwrap();
                calls += 1;
            }
            calls
        });
        for _ in 0..30_000 {
            breaker.reload(&other).unwrap();
            breaker.reload(&one).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        let calls = caller.join().unwrap();
        let counts = breaker.counts();
        assert_eq!((counts.successes, counts.rejections, counts.stale), (calls, 0, 0));
    });
}
