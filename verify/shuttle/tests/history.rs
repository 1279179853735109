//! Readers of a registry's events over HTTP, beside threads that make them happen: each reader
//! gets each event once, in order, and none sleeps for ever.
//!
//! A reader that is never woken is a deadlock, which shuttle reports.
#![cfg(shuttle)]

use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures_util::StreamExt;
use microbreaker_shuttle::{run_random, schedules};
use microbreaker_std::admin::Admin;
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Registry};
use shuttle::future::block_on;
use shuttle::thread::{self, JoinHandle};
use tower::ServiceExt;

/// Runs `history` in random schedules, as a task of tokio's: a stream to a browser has a
/// timer, which never goes off here.
fn model(history: impl Fn() + Send + Sync + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    // All of shuttle's threads are one of the system's.
    let _context = runtime.enter();
    run_random(schedules(), 3, history);
}

/// An event of the breaker of that name, with its number.
type Told = (u64, String);

/// The breakers `a` and `b`, and routes to them.
fn service() -> (Registry, Router) {
    let template = Breaker::builder("template").consecutive_failures(1);
    let template = template.open_for(Duration::from_secs(1)).clock(PausedClock::new());
    let registry = Registry::new(template).unwrap();
    for name in ["a", "b"] {
        _ = registry.get(name);
    }
    // The first event is number 1.
    let router = Admin::with_wall_clock(registry.clone(), || UNIX_EPOCH).router();
    (registry, router)
}

/// Starts a thread in which exactly two events happen.
fn start_two_events(registry: &Registry, name: &'static str) -> JoinHandle<()> {
    let breaker = registry.find(name).unwrap();
    thread::spawn(move || {
        breaker.force_open();
        breaker.reset();
    })
}

/// A connection of a browser that has received all events up to `after`.
async fn connect(router: &Router, after: u64) -> BodyDataStream {
    let request = Request::get(format!("/events?after={after}")).body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap().into_body().into_data_stream()
}

/// The next event, or `None` if there can be no more.
async fn next(stream: &mut BodyDataStream) -> Option<Told> {
    let message = stream.next().await?.unwrap();
    let message = std::str::from_utf8(&message).unwrap();
    let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let event: serde_json::Value = serde_json::from_str(field("data:")).unwrap();
    let breaker = event["breaker"]["name"].as_str().unwrap();
    Some((field("id:").trim().parse().unwrap(), breaker.to_owned()))
}

fn assert_complete(told: &[Told]) {
    let numbers: Vec<_> = told.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2, 3, 4], "{told:?}");
    assert_eq!(told.iter().filter(|(_, name)| name == "a").count(), 2, "{told:?}");
}

#[test]
fn a_reader_gets_each_event_once() {
    model(|| {
        let (registry, router) = service();
        let threads = ["a", "b"].map(|name| start_two_events(&registry, name));
        let told = block_on(async {
            let mut stream = connect(&router, 0).await;
            let mut told = Vec::new();
            while told.len() < 4 {
                told.push(next(&mut stream).await.unwrap());
            }
            told
        });
        assert_complete(&told);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_reader_that_connects_again_goes_on_where_it_was() {
    model(|| {
        let (registry, router) = service();
        let threads = ["a", "b"].map(|name| start_two_events(&registry, name));
        let told = block_on(async {
            let mut told: Vec<Told> = Vec::new();
            while told.len() < 4 {
                let after = told.last().map_or(0, |(number, _)| *number);
                told.push(next(&mut connect(&router, after).await).await.unwrap());
            }
            told
        });
        assert_complete(&told);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_reader_is_let_go_when_the_registry_is_gone() {
    model(|| {
        let (registry, router) = service();
        let mut stream = block_on(connect(&router, 0));
        let reader = thread::spawn(move || {
            block_on(async {
                let mut told = Vec::new();
                while let Some(event) = next(&mut stream).await {
                    told.push(event);
                }
                told
            })
        });
        let threads = ["a", "b"].map(|name| start_two_events(&registry, name));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        drop((registry, router));
        assert_complete(&reader.join().unwrap());
    });
}
