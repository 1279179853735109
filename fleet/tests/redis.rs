//! The store on a real server.
#![cfg(feature = "redis")]

mod rig {
    pub(crate) mod server;
}

use std::collections::HashMap;
use std::time::Duration;

use microbreaker_fleet::{
    Action, Fleet, MemoryStore, Order, Proposal, RedisStore, Report, Request, Slot, Store, Verdict,
    View, Wish,
};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::Mode;
use microbreaker_std::{Breaker, Phase, Registry};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use rig::server::Server;
use tokio_stream::StreamExt as _;

const SECOND: Duration = Duration::from_secs(1);

struct Instance {
    registry: Registry,
    fleet: Fleet,
}

impl Instance {
    fn new(store: RedisStore, clock: &PausedClock) -> Self {
        let template = Breaker::builder("template").consecutive_failures(4).open_for(10 * SECOND);
        let registry = Registry::new(template.clock(clock.clone())).unwrap();
        let fleet = Fleet::join(store, "a").clock(clock.clone());
        fleet.registry(&registry, "*").unwrap();
        Self { registry, fleet }
    }

    async fn exchange(&self) {
        self.fleet.exchange().await.unwrap();
    }
}

/// Opens, probes once and closes, all together.
async fn works(store: &RedisStore, name: &str) {
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

#[tokio::test]
async fn a_user_with_the_documented_rules_can_do_all_and_nothing_else() {
    let server = Server::start();
    let acl = RedisStore::acl("prod");
    let _: String = server.command(&format!("ACL SETUSER fleet on >pass {acl}"));
    let url = server.url_of("fleet", "pass");
    let store = RedisStore::new(&url, "prod").unwrap();
    works(&store, "users").await;
    let order = order("users", Action::Reset, None);
    store.order(&order).await.unwrap();

    let mut connection = redis::Client::open(url.as_str()).unwrap().get_connection().unwrap();
    let mut refused = |command: &str| {
        let mut words = command.split(' ');
        let mut call = redis::cmd(words.next().unwrap());
        words.for_each(|word| _ = call.arg(word));
        let error = call.query::<redis::Value>(&mut connection).unwrap_err();
        error.code() == Some("NOPERM")
    };
    assert!(refused("GET other") && refused("KEYS *") && refused("FLUSHALL"));
    assert!(refused("PUBLISH other x") && refused("CONFIG GET *"));
    let elsewhere = RedisStore::new(&url, "test").unwrap();
    assert!(elsewhere.order(&order).await.is_err(), "another prefix");
}

#[tokio::test]
async fn names_from_outside_are_escaped_and_every_key_expires() {
    let server = Server::start();
    let store = RedisStore::new(&server.url(), "p/1").unwrap();
    for name in ["users", "}{x}", "a b\r\n* ?", "größe:[x]", "{p/1}:orders", ""] {
        works(&store, name).await;
    }
    store.order(&order("*", Action::Mode(Mode::Closed), None)).await.unwrap();
    let keys: Vec<String> = server.command("KEYS *");
    assert!(keys.len() > 10, "{keys:?}");
    for key in keys {
        assert!(key.starts_with("{p/1}:"), "{key}");
        assert!(!key.contains([' ', '*', '[', '\n']), "{key}");
        let milliseconds: i64 = server.command(&format!("PTTL {key}"));
        assert!(milliseconds > 0, "{key}: {milliseconds}");
    }
}

#[tokio::test]
async fn a_server_that_was_killed_comes_back_and_knows_nothing() {
    let mut server = Server::start();
    let store = RedisStore::new(&server.url(), "p").unwrap();
    works(&store, "users").await;
    let instance = Instance::new(store.clone(), &PausedClock::new());
    server.kill();
    assert!(instance.fleet.exchange().await.is_err());
    assert!(instance.registry.get("users").try_acquire().is_ok());
    server.restart();
    let back = async || (instance.fleet.exchange().await).is_ok();
    let mut tries = 0;
    while !back().await {
        tries += 1;
        assert!(tries < 5, "a connection that never comes back");
    }
    works(&store, "users").await;
}

#[tokio::test]
async fn a_wrong_password_is_an_error_and_no_more() {
    let server = Server::start();
    let store = RedisStore::new(&server.url_of("default", "wrong"), "p").unwrap();
    let instance = Instance::new(store, &PausedClock::new());
    let error = instance.fleet.exchange().await.unwrap_err();
    assert!(!error.to_string().contains("wrong"), "no password in messages: {error}");
    assert!(instance.registry.get("users").try_acquire().is_ok());
}

#[tokio::test]
async fn other_data_under_our_keys_makes_a_breaker_local() {
    let server = Server::start();
    let store = RedisStore::new(&server.url(), "p").unwrap();
    let _: () = server.command("SET {p}:breaker:users surprise");
    let _: () = server.command("HSET {p}:slots:orders x y z 1");
    let _: () = server.command("HSET {p}:orders users nonsense");
    let clock = PausedClock::new();
    let instance = Instance::new(store.clone(), &clock);
    drop([instance.registry.get("users"), instance.registry.get("orders")]);
    instance.exchange().await;
    let view = |name: &str| instance.fleet.status(name).unwrap().view.unwrap();
    assert_eq!(view("users"), View::default());
    works(&store, "orders").await;
}

#[tokio::test]
async fn orders_reach_everyone_with_who_and_why_and_the_time_that_is_left() {
    let server = Server::start();
    let store = RedisStore::new(&server.url(), "p").unwrap();
    let instance = Instance::new(store.clone(), &PausedClock::new());
    let given = order("us*", Action::Mode(Mode::ForcedOpen), Some(60 * SECOND));
    instance.fleet.order(&given).await.unwrap();
    drop(instance.registry.get("users"));
    instance.exchange().await;
    assert_eq!(instance.registry.get("users").phase(), Phase::ForcedOpen);
    let stored = instance.fleet.status("users").unwrap().order.unwrap();
    assert_eq!((&*stored.order.by, &*stored.order.reason), ("Zoë", "a b\n%20"));
    let left = stored.order.lasts.unwrap();
    assert!(left <= 60 * SECOND && left > 50 * SECOND, "{left:?}");
}

#[tokio::test]
async fn a_decision_and_an_order_give_a_hint() {
    let server = Server::start();
    let store = RedisStore::new(&server.url(), "p").unwrap();
    let mut hints = store.hints();
    hints.next().await.unwrap();
    store.order(&order("x", Action::Reset, None)).await.unwrap();
    hints.next().await.unwrap();
    works(&store, "users").await;
    hints.next().await.unwrap();
}

#[tokio::test]
async fn a_prefix_is_checked() {
    for wrong in ["", "{x}", "a b", "*"] {
        let error = RedisStore::new("redis://127.0.0.1", wrong).err().unwrap().to_string();
        assert!(error.contains(&format!("the prefix is {wrong:?}, but must be")), "{error}");
    }
}

fn order(pattern: &str, action: Action, lasts: Option<Duration>) -> Order {
    let (by, reason) = ("Zoë".to_owned(), "a b\n%20".to_owned());
    Order { pattern: pattern.into(), action, by, reason, lasts }
}

/// What one of three instances says and asks. `of_now` proposes in the current epoch.
#[derive(Clone, Debug)]
struct Step {
    instance: usize,
    late: bool,
    slot: Option<(bool, [u32; 4])>,
    used: u32,
    handed_back: u32,
    wish: Option<(u32, u32)>,
    proposal: Option<(bool, bool)>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let slot = prop::option::of((prop::bool::weighted(0.8), prop::array::uniform4(0..9_u32)));
    let wish = prop::option::of((0..4_u32, 0..4_u32));
    let proposal = prop::option::weighted(0.2, (prop::bool::weighted(0.7), any::<bool>()));
    let step = (0..3_usize, prop::bool::weighted(0.1), slot, 0..2_u32, 0..2_u32, wish, proposal);
    let step = step.prop_map(|(instance, late, slot, used, handed_back, wish, proposal)| Step {
        instance,
        late,
        slot,
        used,
        handed_back,
        wish,
        proposal,
    });
    prop::collection::vec(step, 1..60)
}

/// Carries the steps out, and returns what can be compared: epochs by their order.
async fn history(store: &impl Store, name: &str, steps: &[Step]) -> Vec<View> {
    let mut epochs = HashMap::from([(0, 0)]);
    let (mut epoch, mut views) = (0, Vec::new());
    for (n, step) in (10..).zip(steps) {
        let slot = step.slot.map(|(current, [a, b, c, d])| Slot {
            epoch: if current { epoch } else { 1 << 45 },
            calls: a + b,
            failed: b,
            row: c,
            has_traffic: a > 0,
            sees_failing: b > 2,
            probes_succeeded: d,
            ..Slot::default()
        });
        let proposal = step.proposal.map(|(current, opens)| Proposal {
            epoch: if current { epoch } else { 1 << 45 },
            open_for: opens.then_some(3_600 * SECOND),
        });
        let wish = step.wish.map(|(count, limit)| Wish { count, limit, time: 3_600 * SECOND });
        let (used, handed_back) = (step.used, step.handed_back);
        let report = Report { name: name.into(), slot, handed_back, used, wish, proposal };
        let request = Request {
            instance: step.instance.to_string(),
            sequence: if step.late { 1 } else { n },
            lifetime: 3_600 * SECOND,
            reports: vec![report],
            seen: 0,
        };
        let reply = store.exchange(&request).await.unwrap();
        let mut view = reply.views[0];
        epoch = view.epoch;
        let next = epochs.len() as u64;
        view.epoch = *epochs.entry(epoch).or_insert(next);
        if let Verdict::Open(left) = &mut view.verdict {
            assert!(*left > 3_500 * SECOND);
            *left = SECOND;
        }
        views.push(view);
    }
    views
}

#[tokio::test]
async fn the_script_does_what_the_store_in_memory_does() {
    let server = Server::start();
    let redis = RedisStore::new(&server.url(), "p").unwrap();
    let mut runner = TestRunner::deterministic();
    for n in 0..60 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let expected = history(&MemoryStore::new(), "users", &steps).await;
        let got = history(&redis, &format!("users {n}"), &steps).await;
        for (n, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert_eq!(got, expected, "after step {n} of {:#?}", &steps[..=n]);
        }
    }
}
