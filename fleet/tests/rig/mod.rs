//! Instances of a fleet on a virtual clock, in one process.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod flaky;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use microbreaker_fleet::{Fleet, MemoryStore, Order, Store, StoreError, View};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Builder, Outcome, Phase, Registry};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Runs a future that has nothing to wait for.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// Trips at four failures in a row, opens for ten seconds, and is closed by one probe.
pub(crate) fn template() -> Builder {
    Breaker::builder("template").consecutive_failures(4).open_for(10 * SECOND)
}

/// A store, and the clocks of all.
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) store_clock: Arc<AtomicU64>,
    pub(crate) clock: PausedClock,
}

impl World {
    pub(crate) fn new() -> Self {
        let store_clock = Arc::new(AtomicU64::new(1_000_000_000));
        let read = store_clock.clone();
        let store = MemoryStore::with_clock(move || read.load(Ordering::Relaxed));
        Self { store, store_clock, clock: PausedClock::new() }
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.store_clock.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
        self.clock.advance(time);
    }

    pub(crate) fn instance(&self, name: &str) -> Instance {
        self.instance_of(name, template())
    }

    pub(crate) fn instance_of(&self, name: &str, template: Builder) -> Instance {
        self.instance_on(name, template, self.store.clone())
    }

    pub(crate) fn instance_on(
        &self,
        name: &str,
        template: Builder,
        store: impl Store + 'static,
    ) -> Instance {
        let registry = Registry::new(template.clock(self.clock.clone())).unwrap();
        let fleet = Fleet::join(store, name).clock(self.clock.clone());
        fleet.registry(&registry, "*").unwrap();
        Instance { registry, fleet }
    }

    pub(crate) fn instances(&self, count: usize) -> Vec<Instance> {
        (0..count).map(|n| self.instance(&n.to_string())).collect()
    }
}

pub(crate) struct Instance {
    pub(crate) registry: Registry,
    pub(crate) fleet: Fleet,
}

impl Instance {
    pub(crate) fn users(&self) -> Breaker {
        self.registry.get("users")
    }

    /// Makes a call, if it is admitted. Returns whether it was.
    pub(crate) fn call(&self, outcome: Outcome) -> bool {
        self.users().try_acquire().map(|permit| permit.finish(outcome)).is_ok()
    }

    pub(crate) fn fails(&self, times: usize) {
        for _ in 0..times {
            assert!(self.call(Outcome::Failure));
        }
    }

    pub(crate) fn exchange(&self) {
        self.try_exchange().unwrap();
    }

    pub(crate) fn try_exchange(&self) -> Result<(), StoreError> {
        now(self.fleet.exchange())
    }

    pub(crate) fn order(&self, order: &Order) {
        now(self.fleet.order(order)).unwrap();
    }

    pub(crate) fn phase(&self) -> Phase {
        self.users().phase()
    }

    pub(crate) fn view(&self) -> View {
        self.fleet.status("users").unwrap().view.unwrap()
    }

    pub(crate) fn retry_after(&self) -> Duration {
        self.users().snapshot().retry_after.unwrap()
    }
}

/// Lets every instance exchange once, in their order.
pub(crate) fn exchange(instances: &[Instance]) {
    instances.iter().for_each(Instance::exchange);
}

/// Lets the instances hear of each other, for an interval.
pub(crate) fn meet(world: &World, instances: &[Instance]) {
    instances.iter().for_each(|instance| drop(instance.users()));
    exchange(instances);
    world.pass(SECOND);
}

/// Opens the fleet: two failures in two instances are four in a row.
pub(crate) fn open(world: &World, instances: &[Instance]) {
    meet(world, instances);
    let quorum = (instances.len()).div_ceil(5).max(2);
    let each = 4_usize.div_ceil(quorum).max(1);
    instances[..quorum].iter().for_each(|instance| instance.fails(each));
    exchange(instances);
    exchange(instances);
    for instance in instances {
        assert_eq!(instance.phase(), Phase::Open);
    }
}
