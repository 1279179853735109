//! The script on a real server, with another clock, and beside a later version of itself.

#[path = "../../tests/rig/pool.rs"]
mod pool;
#[path = "../../tests/rig/server.rs"]
mod server;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use self::server::Server;
use super::*;
use crate::record::{Proposal, Report, Slot};

/// The exchange, in which the time is read from a key.
fn exchange_by_the_key_clock() -> Script {
    let text = include_str!("exchange.lua");
    let by_key = text.replace("redis.call('TIME')", "redis.call('LRANGE', 'clock', 0, 1)");
    assert_ne!(text, by_key);
    Script::new(&by_key)
}

#[tokio::test]
async fn the_sums_of_the_script_are_those_of_the_slots_that_have_not_ended() {
    let server = Server::start();
    let store = RedisStore::new(&server.url(), "p").unwrap();
    let store = RedisStore { exchange: exchange_by_the_key_clock(), ..store };
    let mut runner = TestRunner::deterministic();
    let client = redis::Client::open(server.url()).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    let set = async |at: u64| {
        let mut clock = redis::pipe();
        clock.del("clock").rpush("clock", at / 1_000).rpush("clock", at % 1_000 * 1_000);
        let _: () = clock.query_async(&mut connection.clone()).await.unwrap();
    };
    for n in 0..60 {
        let steps = pool::steps().new_tree(&mut runner).unwrap().current();
        pool::check(&store, &format!("users {n}"), set, &steps).await;
    }
}

/// What this version says, as the instance `a`.
fn request(sequence: u64, calls: u32) -> Request {
    let slot = Some(Slot { calls, has_traffic: true, ..Slot::default() });
    let reports = vec![Report { slot, ..Report::new("users".into()) }];
    Request { instance: "a".into(), sequence, lifetime: Duration::from_secs(60), reports, seen: 0 }
}

/// What the instance `b` says, by a later version whose slots have two more counts.
async fn say_as_a_later_version(store: &RedisStore, sequence: u64, calls: u32, more: [u32; 2]) {
    let mut call = store.exchange.prepare_invoke();
    for key in ["version", "changed", "orders"] {
        call.key(store.key(key));
    }
    for kind in ["breaker", "slots"] {
        call.key(store.key_of(kind, "users"));
    }
    call.arg("b").arg(sequence).arg(60_000).arg(0).arg(60_000).arg(store.key("hints"));
    let [one, two] = more;
    call.arg("users").arg(format!("0 {calls} 0 0 0 0 1 0 0 0 {one} {two}"));
    call.arg(&[0, 0, 0, 0, 0]).arg("").arg("");
    let _: redis::Value = store.server.invoke(&call).await.unwrap();
}

#[tokio::test]
async fn instances_of_this_version_and_of_a_later_one_add_up() {
    let server = Server::start();
    let store = RedisStore::new(&server.url(), "p").unwrap();
    let view = async |sequence, calls| {
        store.exchange(&request(sequence, calls)).await.unwrap().views[0].unwrap()
    };
    let sums = || -> String { server.command("HGET {p}:slots:users sums") };

    say_as_a_later_version(&store, 1, 10, [7, 8]).await;
    assert_eq!(view(1, 5).await.tally.calls, 15);
    say_as_a_later_version(&store, 2, 20, [1, 2]).await;
    assert_eq!(view(2, 6).await.tally.calls, 26);
    assert!(sums().ends_with(" 1 2"), "this version keeps the sums that it does not know");

    // A format that this version does not know counts as an instance, and is left alone.
    let _: () = server.command("HSET {p}:slots:users sums 9-x");
    let now: u64 = 9_999_999_999_999;
    let _: () = server.command(&format!("HSET {{p}}:slots:users c 2_1_{}_{now}_0_99", now / 10));
    let of_three = view(3, 7).await;
    assert_eq!((of_three.instances, of_three.tally.calls), (3, 27));
    assert!(sums().ends_with(" 1 2"), "the sums were made anew");
    assert!(server.command::<bool>("HEXISTS {p}:slots:users c"));
}

#[tokio::test]
async fn a_closing_that_an_earlier_version_wrote_began_with_its_epoch() {
    const HOUR: u64 = 60 * 60 * 1_000;
    let server = Server::start();
    let store = RedisStore::new(&server.url(), "p").unwrap();
    let now: Vec<u64> = server.command("TIME");
    let now = now[0] * 1_000;
    for (epoch, hours) in [(now - HOUR, 1), (now + HOUR, 0)] {
        let _: u32 = server.command(&format!("HSET {{p}}:breaker:users epoch {epoch}"));
        let view = store.exchange(&request(1, 5)).await.unwrap().views[0].unwrap();
        let Verdict::Closed(age) = view.verdict else { panic!("{view:?}") };
        assert_eq!((view.epoch, age.as_secs() / 3_600), (epoch, hours));
    }
}

#[tokio::test]
async fn a_fork_makes_a_connection_of_its_own() {
    let server = Server::start();
    let store = RedisStore::new(&server.url(), "p").unwrap();
    let connections = store.server.answered();
    store.exchange(&request(1, 1)).await.unwrap();
    store.server.pretend_to_be_a_fork();
    let mut later = connections.clone();
    later.mark_unchanged();
    store.exchange(&request(2, 1)).await.unwrap();
    assert!(later.has_changed().unwrap(), "it uses that of its parent");
    later.mark_unchanged();
    store.exchange(&request(3, 1)).await.unwrap();
    assert!(!later.has_changed().unwrap());
}
