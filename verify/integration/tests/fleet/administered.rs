//! A fleet in the admin routes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use microbreaker_std::admin::Admin;
use microbreaker_std::fleet::{Heard, StoreHealth};
use microbreaker_std::{Outcome, Phase};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::rig::flaky::Flaky;
use crate::rig::{Instance, SECOND, World, exchange, meet, open, template};
use crate::told::Told;

fn routes(instance: &Instance) -> Router {
    Admin::new(instance.registry.clone()).router()
}

async fn get(router: &Router, path: &str) -> Value {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// What is shown of the breaker's fleet, without the time that the exchange took.
async fn fleet(router: &Router) -> Value {
    let mut one = get(router, "/breakers/users").await;
    let list = get(router, "/breakers").await;
    assert_eq!(list["breakers"][0]["fleet"], one["fleet"], "the list shows the same");
    let mut fleet = one["fleet"].take();
    assert!(fleet["store"].as_object_mut().unwrap().remove("round_trip_ms").is_some());
    fleet
}

#[tokio::test]
async fn a_breaker_in_no_fleet_says_nothing_of_one() {
    let registry = microbreaker_std::Registry::new(template()).unwrap();
    drop(registry.get("users"));
    let one = get(&Admin::new(registry).router(), "/breakers/users").await;
    assert_eq!(one.get("fleet"), None);
}

#[tokio::test]
async fn the_others_of_a_breaker_are_shown_and_the_store() {
    let world = World::new();
    let instances = world.instances(4);
    let router = routes(&instances[1]);
    meet(&world, &instances);
    instances[0].fails(4);
    assert!(instances[1].call(Outcome::Success));
    exchange(&instances);
    exchange(&instances);
    world.pass(SECOND / 4);
    let expected = json!({
        "age_ms": 250, "open": false, "instances": 2, "working": 1, "failing": 1,
        "leases": 0, "leases_here": 0,
        "store": { "phase": "closed", "age_ms": 250, "succeeded": 3, "failed": 0 },
    });
    assert_eq!(fleet(&router).await, expected);
}

#[tokio::test]
async fn an_opening_is_shown_with_its_cause_and_who_probes() {
    let world = World::new();
    let instances = world.instances(3);
    let routers = instances.iter().map(routes).collect::<Vec<_>>();
    open(&world, &instances);
    let past = get(&routers[2], "/history").await;
    assert_eq!(past["events"][0]["cause"], "fleet");
    assert_eq!(fleet(&routers[2]).await["open"], true);
    world.pass(10 * SECOND);
    exchange(&instances);
    exchange(&instances);
    let (mut here, mut all) = (0, 0);
    for router in &routers {
        let fleet = fleet(router).await;
        here += fleet["leases_here"].as_u64().unwrap();
        all += fleet["leases"].as_u64().unwrap();
    }
    assert_eq!((here, all), (1, 3), "one holds it, and all know");
}

#[tokio::test]
async fn a_round_trip_is_shown_in_milliseconds() {
    let registry = microbreaker_std::Registry::new(template()).unwrap();
    let users = registry.get("users");
    let round_trip = Some(Duration::from_micros(2_500));
    let store =
        StoreHealth { phase: Phase::Closed, age: SECOND, succeeded: 1, failed: 0, round_trip };
    assert!(users.join_fleet(Arc::new(Told(Heard::nothing(store)))));
    let one = get(&Admin::new(registry).router(), "/breakers/users").await;
    assert_eq!(one["fleet"]["store"]["round_trip_ms"], 2.5);
}

#[tokio::test]
async fn a_store_that_is_out_of_reach_is_shown() {
    let world = World::new();
    let store = Flaky::new(world.store.clone());
    let instance = world.instance_on("a", template(), store.clone());
    let router = routes(&instance);
    drop(instance.users());
    instance.exchange();
    store.refuses.store(true, Ordering::Relaxed);
    for _ in 0..4 {
        world.pass(SECOND);
        assert!(instance.try_exchange().is_err());
    }
    let shown = fleet(&router).await;
    assert_eq!(shown["age_ms"], Value::Null, "it is on its own");
    let store = json!({ "phase": "closed", "age_ms": 4_000, "succeeded": 1, "failed": 4 });
    assert_eq!(shown["store"], store, "nothing of this went through the connection's breaker");
}
