//! Events as a stream.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use microbreaker_std::{Breaker, EventKind, Missed, Phase, Registry};

fn breaker() -> Breaker {
    let breaker = Breaker::builder("users").consecutive_failures(1);
    breaker.open_for(Duration::from_secs(3_600)).build().unwrap()
}

#[tokio::test]
async fn a_reader_is_woken_by_every_event() {
    let breaker = breaker();
    let mut events = breaker.events();
    assert!(events.next().now_or_never().is_none());
    let (event, ()) = tokio::join!(events.next(), async { breaker.trip() });
    let event = event.unwrap().unwrap();
    assert!(matches!(event.kind, EventKind::Transition { to: Phase::Open, .. }));
    assert_eq!(&*event.name, "users");
}

#[tokio::test]
async fn a_slow_reader_is_told_how_many_it_missed() {
    let breaker = breaker();
    let (mut slow, mut slower) = (breaker.events(), breaker.events());
    for _ in 0..150 {
        breaker.force_open();
        breaker.reset();
    }
    let missed = slow.next().await.unwrap().unwrap_err();
    assert_eq!(missed, Missed(300 - 256));
    assert_eq!(missed.to_string(), "missed 44 events: the reader was too slow");
    for _ in 0..256 {
        assert!(slow.next().await.unwrap().is_ok(), "it gets all the others");
    }
    assert!(slow.next().now_or_never().is_none());
    assert!(slower.next().await.unwrap().is_err(), "each reader on its own");
}

#[tokio::test]
async fn readers_that_leave_and_listeners_that_panic_do_no_harm() {
    let breaker = breaker();
    drop(breaker.events());
    breaker.on_event(|_| panic!("of the listener"));
    let mut events = breaker.events();
    breaker.trip();
    assert!(events.next().await.unwrap().is_ok());
}

#[tokio::test]
async fn a_registry_streams_the_events_of_all_breakers() {
    let template = Breaker::builder("template").consecutive_failures(1);
    let registry = Registry::new(template.open_for(Duration::from_secs(1))).unwrap();
    let mut events = registry.events();
    registry.get("a").trip();
    registry.get("b").trip();
    let names =
        [events.next().await, events.next().await].map(|event| event.unwrap().unwrap().name);
    assert_eq!(names, ["a".into(), "b".into()]);
}

#[tokio::test]
async fn a_stream_ends_with_its_breaker() {
    let breaker = breaker();
    let mut events = breaker.events();
    drop(breaker);
    assert!(events.next().await.is_none());
}
