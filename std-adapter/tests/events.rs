//! What listeners are told.

use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Builder, Cause, Event, EventKind, Phase};

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
    let before = SystemTime::now();
    breaker.trip();
    let at = heard.0.lock().unwrap()[0].at;
    assert!((before..=SystemTime::now()).contains(&at), "{at:?}");
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
