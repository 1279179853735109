//! Instances of a fleet on a real server.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::Duration;

use microbreaker_fleet::{Action, Fleet, Order, RedisStore};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Phase, Registry};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) struct Instance {
    pub(crate) registry: Registry,
    pub(crate) fleet: Fleet,
}

impl Instance {
    pub(crate) fn new(store: RedisStore, clock: &PausedClock) -> Self {
        let template = Breaker::builder("template").consecutive_failures(4).open_for(10 * SECOND);
        let registry = Registry::new(template.clock(clock.clone())).unwrap();
        let fleet = Fleet::join(store, "a").clock(clock.clone());
        fleet.registry(&registry, "*").unwrap();
        Self { registry, fleet }
    }

    pub(crate) async fn exchange(&self) {
        self.fleet.exchange().await.unwrap();
    }
}

/// Opens, probes once and closes, all together.
pub(crate) async fn works(store: &RedisStore, name: &str) {
    let clock = PausedClock::new();
    let instances = [(); 3].map(|()| Instance::new(store.clone(), &clock));
    for instance in &instances {
        drop(instance.registry.get(name));
        instance.exchange().await;
    }
    clock.advance(SECOND);
    for instance in &instances[..2] {
        for _ in 0..2 {
            instance.registry.get(name).try_acquire().unwrap().failure();
        }
        instance.exchange().await;
    }
    let all = async |phase| {
        for instance in &instances {
            instance.exchange().await;
            assert_eq!(instance.registry.get(name).phase(), phase);
        }
    };
    all(Phase::Open).await;
    clock.advance(10 * SECOND);
    all(Phase::HalfOpen).await;
    let permits = instances.iter().filter_map(|it| it.registry.get(name).try_acquire_owned().ok());
    let mut permits: Vec<_> = permits.collect();
    assert_eq!(permits.len(), 1);
    permits.pop().unwrap().success();
    for instance in &instances {
        instance.exchange().await;
    }
    all(Phase::Closed).await;
}

/// The next exchange finds the store, or one of those that follow.
pub(crate) async fn until_it_answers(instance: &Instance) {
    for _ in 0..5 {
        if instance.fleet.exchange().await.is_ok() {
            return;
        }
    }
    panic!("a connection that never comes back");
}

pub(crate) fn order(pattern: &str, action: Action, lasts: Option<Duration>) -> Order {
    let (by, reason) = ("Zoë".to_owned(), "a b\n%20".to_owned());
    Order { pattern: pattern.into(), action, by, reason, lasts }
}
