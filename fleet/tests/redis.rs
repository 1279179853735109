//! The store on a real server.
#![cfg(feature = "redis")]

mod rig {
    pub(crate) mod on_server;
    pub(crate) mod proxy;
    pub(crate) mod server;
}

use std::collections::HashMap;
use std::time::Duration;

use microbreaker_fleet::{
    Action, MemoryStore, Proposal, RedisStore, Report, Request, Slot, Store, Verdict, View, Wish,
};
use microbreaker_std::Phase;
use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::Mode;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use rig::on_server::{Instance, SECOND, order, until_it_answers, works};
use rig::proxy::Proxy;
use rig::server::Server;
use tokio_stream::StreamExt as _;

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
    until_it_answers(&instance).await;
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
async fn a_password_that_is_put_right_is_enough() {
    let server = Server::start();
    let store = RedisStore::new(&server.url_of("fleet", "pass"), "p").unwrap();
    let instance = Instance::new(store.clone(), &PausedClock::new());
    let acl = RedisStore::acl("p");
    for password in ["wrong", "pass", "wrong", "pass"] {
        let _: String = server.command(&format!("ACL SETUSER fleet reset on >{password} {acl}"));
        // Who has come in before would be let stay.
        let _: u32 = server.command("CLIENT KILL USER fleet");
        if password == "wrong" {
            assert!(instance.fleet.exchange().await.is_err());
            assert!(instance.registry.get("users").try_acquire().is_ok());
        } else {
            until_it_answers(&instance).await;
            works(&store, "users").await;
        }
    }
}

#[tokio::test]
async fn a_server_that_cannot_write_is_an_error_and_no_empty_fleet() {
    let server = Server::start();
    let store = RedisStore::new(&server.url(), "p").unwrap();
    let instance = Instance::new(store.clone(), &PausedClock::new());
    // So that it has something to say.
    instance.registry.get("users").try_acquire().unwrap().failure();
    for (broken, mended, says) in [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "OOM"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "read only"),
    ] {
        let _: String = server.command(broken);
        let error = instance.fleet.exchange().await.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        let _: String = server.command(mended);
        until_it_answers(&instance).await;
        works(&store, "users").await;
    }
}

/// A connection that swallows everything, as after a failover or a cut, while new ones work.
#[tokio::test]
async fn a_connection_that_has_let_a_request_down_is_not_used_again() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let store = RedisStore::new(
        &server.url().replace(&server.port.to_string(), &proxy.port.to_string()),
        "p",
    )
    .unwrap();
    let mut hints = store.hints();
    let instance = Instance::new(store, &PausedClock::new());
    instance.exchange().await;
    hints.next().await.unwrap();
    proxy.swallow();
    let given_up = tokio::time::timeout(Duration::from_millis(100), instance.fleet.exchange());
    assert!(given_up.await.is_err());
    let next = tokio::time::timeout(5 * SECOND, instance.fleet.exchange());
    next.await.expect("it waits on the connection of before").unwrap();
    let hint = tokio::time::timeout(20 * SECOND, hints.next());
    hint.await.expect("it listens to the connection of before").unwrap();
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
    assert_eq!(instance.fleet.status("users").unwrap().view, None);
    assert!(instance.fleet.status("orders").unwrap().view.is_some());
    works(&store, "orders").await;

    let users = instance.registry.get("users");
    for _ in 0..4 {
        users.try_acquire().unwrap().failure();
    }
    clock.advance(10 * SECOND);
    instance.exchange().await;
    users.try_acquire().expect("it probes without leave, as nobody can give any").success();
    assert_eq!(users.phase(), Phase::Closed);

    let _: () = server.command("DEL {p}:breaker:users");
    clock.advance(SECOND);
    works(&store, "users").await;
    instance.exchange().await;
    assert!(instance.fleet.status("users").unwrap().view.is_some());
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
    let mut next = async || tokio::time::timeout(20 * SECOND, hints.next()).await.unwrap().unwrap();
    // By the first answer it knows whom to listen to.
    Instance::new(store.clone(), &PausedClock::new()).exchange().await;
    store.order(&order("x", Action::Reset, None)).await.unwrap();
    next().await;
    store.order(&order("x", Action::Reset, None)).await.unwrap();
    next().await;
    works(&store, "users").await;
    next().await;
}

#[tokio::test]
async fn a_prefix_is_checked() {
    for wrong in ["", "{x}", "a b", "*"] {
        let error = RedisStore::new("redis://127.0.0.1", wrong).err().unwrap().to_string();
        assert!(error.contains(&format!("the prefix is {wrong:?}, but must be")), "{error}");
    }
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
        let mut view = reply.views[0].unwrap();
        epoch = view.epoch;
        let next = epochs.len() as u64;
        view.epoch = *epochs.entry(epoch).or_insert(next);
        if let Verdict::Open(left) = &mut view.verdict {
            assert!(*left > 3_500 * SECOND);
            *left = SECOND;
        }
        if let Verdict::Closed(age) = &mut view.verdict {
            assert!(*age < 100 * SECOND);
            *age = Duration::ZERO;
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
