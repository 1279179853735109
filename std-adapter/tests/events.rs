//! What listeners are told.

use std::panic::{catch_unwind, panic_any};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Builder, CallError, Cause, Event, EventKind, Phase, Settings};

const SECOND: Duration = Duration::from_secs(1);

fn builder(clock: &PausedClock) -> Builder {
    Breaker::builder("users").consecutive_failures(2).open_for(SECOND).clock(clock.clone())
}

/// What a listener has heard.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Event>>>);

impl Heard {
    fn listener(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let heard = self.clone();
        move |event| heard.0.lock().unwrap().push(event.clone())
    }

    fn transitions(&self) -> Vec<(Phase, Phase, Cause)> {
        let events = self.0.lock().unwrap();
        let moves = events.iter().map(|event| match event.kind {
            EventKind::Transition { from, to, .. } => (from, to, event.cause),
            EventKind::WouldTrip => panic!("no dry run here"),
        });
        moves.collect()
    }
}

fn fail(breaker: &Breaker) {
    assert!(breaker.call(|| Err::<(), _>("no answer")).is_err());
}

#[test]
fn every_transition_is_reported_with_its_cause() {
    let (clock, heard) = (PausedClock::new(), Heard::default());
    let breaker = builder(&clock).on_event(heard.listener()).build().unwrap();
    fail(&breaker);
    fail(&breaker);
    clock.advance(SECOND);
    breaker.call(|| Ok::<_, ()>(())).unwrap();
    breaker.disable();
    assert_eq!(
        heard.transitions(),
        [
            (Phase::Closed, Phase::Open, Cause::ConsecutiveFailures),
            (Phase::Open, Phase::HalfOpen, Cause::OpeningOver),
            (Phase::HalfOpen, Phase::Closed, Cause::ProbesSucceeded),
            (Phase::Closed, Phase::Disabled, Cause::Manual),
        ]
    );
}

#[test]
fn an_event_shows_what_tripped_it() {
    let (clock, heard) = (PausedClock::new(), Heard::default());
    let breaker = builder(&clock).last_calls(10).on_event(heard.listener()).build().unwrap();
    fail(&breaker);
    fail(&breaker);
    let event = heard.0.lock().unwrap()[0].clone();
    assert_eq!(&*event.name, "users");
    assert_eq!((event.snapshot.tally.calls, event.snapshot.tally.failed), (2, 2));
    assert_eq!(event.snapshot.retry_after, Some(SECOND));
}

#[test]
fn an_event_says_when_it_happened() {
    let (clock, heard) = (PausedClock::new(), Heard::default());
    let breaker = builder(&clock).on_event(heard.listener()).build().unwrap();
    clock.advance(3 * SECOND);
    breaker.trip();
    assert_eq!(heard.0.lock().unwrap()[0].at, 3 * SECOND, "by the breaker's clock");
}

#[test]
fn a_dry_run_reports_what_it_would_have_done() {
    let (clock, heard) = (PausedClock::new(), Heard::default());
    let breaker = builder(&clock).on_event(heard.listener()).build().unwrap();
    breaker.metrics_only();
    for _ in 0..4 {
        fail(&breaker);
    }
    let events = heard.0.lock().unwrap();
    let would_trip = events.iter().filter(|event| event.kind == EventKind::WouldTrip);
    assert_eq!(would_trip.count(), 1);
}

/// Some breakers run the callback while they hold the lock that reading needs.
#[test]
fn a_listener_may_use_the_breaker() {
    let (clock, heard) = (PausedClock::new(), Heard::default());
    let breaker = builder(&clock).build().unwrap();
    let (same, other) = (breaker.clone(), heard.clone());
    breaker.on_event(move |event| {
        if event.snapshot.phase == Phase::Open {
            assert_eq!(same.phase(), Phase::Open);
            same.on_event(other.listener());
            same.reset();
        }
    });
    breaker.trip();
    assert_eq!(breaker.phase(), Phase::Closed);
    breaker.disable();
    assert!(heard.transitions().contains(&(Phase::Closed, Phase::Disabled, Cause::Manual)));
}

#[test]
fn numbers_tell_the_order_across_reloads() {
    let (clock, heard) = (PausedClock::new(), Heard::default());
    let breaker = builder(&clock).on_event(heard.listener()).build().unwrap();
    for turn in 0..600 {
        fail(&breaker);
        breaker.trip();
        let settings = Settings {
            consecutive_failures: Some(2 + turn % 2),
            open_for: Some(SECOND),
            ..Settings::default()
        };
        breaker.reload(&settings).unwrap();
        breaker.reset();
    }
    breaker.metrics_only();
    (0..200).for_each(|_| fail(&breaker));
    let events = heard.0.lock().unwrap();
    assert!(events.len() > 1_000 && events.iter().any(|it| it.kind == EventKind::WouldTrip));
    assert!(events.is_sorted_by(|a, b| a.sequence < b.sequence));
}

/// Each probe that is given out while none is begins a tenure, of which nobody is told.
#[test]
fn numbers_grow_however_many_probes_come_to_nothing() {
    let (clock, heard) = (PausedClock::new(), Heard::default());
    let breaker = builder(&clock).build().unwrap();
    breaker.on_event(heard.listener());
    for probes in [100, 190, 150, 200, 30, 1_000] {
        breaker.trip();
        clock.advance(Duration::from_secs(30));
        for _ in 0..probes {
            breaker.try_acquire().unwrap().ignore();
        }
        breaker.try_acquire().unwrap().success();
    }
    let events = heard.0.lock().unwrap();
    assert_eq!(events.len(), 18);
    assert!(events.is_sorted_by(|a, b| a.sequence < b.sequence));
}

/// A transition inside of the telling of another is told first, and happened later.
#[test]
fn a_number_is_that_of_the_transition_not_of_its_telling() {
    let (clock, heard) = (PausedClock::new(), Heard::default());
    let breaker = builder(&clock).build().unwrap();
    let same = breaker.clone();
    breaker.on_event(move |event| {
        if event.snapshot.phase == Phase::Open {
            same.reset();
        }
    });
    breaker.on_event(heard.listener());
    breaker.trip();
    let told = heard.0.lock().unwrap().clone();
    let told: Vec<_> = told.iter().map(|event| (event.sequence, event.kind)).collect();
    let [(second, after), (first, before)] = told[..] else { panic!("{told:?}") };
    assert!(first < second);
    assert!(matches!(before, EventKind::Transition { to: Phase::Open, .. }), "{told:?}");
    assert!(matches!(after, EventKind::Transition { to: Phase::Closed, .. }), "{told:?}");
}

/// Panics when it is dropped, with another of its kind.
struct Nasty(u32);

impl Drop for Nasty {
    fn drop(&mut self) {
        if self.0 > 0 {
            panic_any(Self(self.0 - 1));
        }
    }
}

#[test]
fn a_listener_harms_nobody_whatever_its_payload_does() {
    for depth in 0..4 {
        let (clock, heard) = (PausedClock::new(), Heard::default());
        let breaker = builder(&clock)
            .on_event(move |_| panic_any(Nasty(depth)))
            .on_event(heard.listener())
            .build()
            .unwrap();
        breaker.on_event(heard.listener());
        fail(&breaker);
        // The call that trips it gets its own error.
        assert!(matches!(breaker.call(|| Err::<(), _>(7)), Err(CallError::Failed(7))));
        assert_eq!(breaker.phase(), Phase::Open);
        clock.advance(SECOND);
        assert_eq!(breaker.call(|| Ok::<_, ()>(42)), Ok(42));
        let phases: Vec<_> = heard.transitions().iter().map(|(_, to, _)| *to).collect();
        let each = [Phase::Open, Phase::HalfOpen, Phase::Closed];
        assert_eq!(phases, each.map(|phase| [phase; 2]).as_flattened(), "both have heard all");
        assert_eq!(breaker.phase(), Phase::Closed);
    }
}

/// The listener then panics while the call's own panic unwinds.
#[test]
fn a_call_panics_with_its_own_payload_if_a_listener_panics_too() {
    let (clock, heard) = (PausedClock::new(), Heard::default());
    let breaker = builder(&clock)
        .consecutive_failures(1)
        .on_event(|_| panic_any(Nasty(2)))
        .on_event(heard.listener())
        .build()
        .unwrap();
    let panic = catch_unwind(|| breaker.call(|| -> Result<(), ()> { panic_any(7) })).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&7));
    assert_eq!((breaker.phase(), heard.transitions().len()), (Phase::Open, 1));
}

#[test]
fn a_panicking_listener_harms_neither_breaker_nor_listeners() {
    let (clock, heard) = (PausedClock::new(), Heard::default());
    let breaker = builder(&clock)
        .on_event(|_| panic!("of the listener"))
        .on_event(heard.listener())
        .build()
        .unwrap();
    assert!(catch_unwind(|| breaker.trip()).is_ok());
    breaker.reset();
    assert_eq!(heard.transitions().len(), 2);
}

#[test]
fn a_listener_does_not_keep_the_breaker_alive() {
    let clock = PausedClock::new();
    let token = Arc::new(());
    let held = token.clone();
    let breaker = builder(&clock).on_event(move |_| drop(held.clone())).build().unwrap();
    assert_eq!(Arc::strong_count(&token), 2);
    drop(breaker);
    assert_eq!(Arc::strong_count(&token), 1);
}
