//! The store on a cluster.
#![cfg(feature = "redis")]

mod rig {
    pub(crate) mod cluster;
    pub(crate) mod on_server;
    pub(crate) mod server;
}

use std::time::{Duration, Instant};

use microbreaker_fleet::{Action, RedisStore, Store};
use microbreaker_std::Phase;
use microbreaker_std::clock::PausedClock;
use rig::cluster::Cluster;
use rig::on_server::{Instance, SECOND, order, works};
use tokio_stream::StreamExt as _;

/// Asks this node first, as a user with the documented rules.
fn store(cluster: &Cluster, first: usize) -> RedisStore {
    for node in &cluster.nodes {
        let acl = RedisStore::acl("p");
        let _: String = node.command(&format!("ACL SETUSER fleet on >pass {acl}"));
    }
    let (end, begin) = cluster.nodes.split_at(first);
    let mut urls = begin.iter().chain(end).map(|node| node.url_of("fleet", "pass"));
    let store = RedisStore::new(&urls.next().unwrap(), "p").unwrap();
    urls.fold(store, |store, url| store.or(&url).unwrap())
}

#[tokio::test]
async fn a_fleet_meets_on_a_cluster() {
    let cluster = Cluster::start("p");
    // It has none of our keys, and says who has.
    let store = store(&cluster, (cluster.owner + 1) % 3);
    works(&store, "users").await;
    let mut hints = store.hints();
    let instance = Instance::new(store, &PausedClock::new());
    instance.exchange().await;
    hints.next().await.unwrap();
    instance.fleet.order(&order("users", Action::Reset, None)).await.unwrap();
    let hint = tokio::time::timeout(20 * SECOND, hints.next());
    hint.await.expect("an order is a hint").unwrap();
    for (n, node) in cluster.nodes[..3].iter().enumerate() {
        let keys: u32 = node.command("DBSIZE");
        assert_eq!(keys > 0, n == cluster.owner, "all keys are on one node");
    }
}

#[tokio::test]
async fn a_decision_outlives_the_node_that_has_it() {
    let mut cluster = Cluster::start("p");
    let store = store(&cluster, cluster.owner);
    let clock = PausedClock::new();
    let instances = [(); 3].map(|()| Instance::new(store.clone(), &clock));
    let users = || instances.iter().map(|instance| instance.registry.get("users"));
    users().for_each(drop);
    for instance in &instances {
        instance.exchange().await;
    }
    clock.advance(SECOND);
    for instance in &instances[..2] {
        for _ in 0..2 {
            instance.registry.get("users").try_acquire().unwrap().failure();
        }
        instance.exchange().await;
    }
    for instance in &instances {
        instance.exchange().await;
    }
    let epochs =
        || instances.iter().map(|it| it.fleet.status("users").unwrap().view.unwrap().epoch);
    let left = || users().map(|users| users.snapshot().retry_after);
    let before: Vec<_> = epochs().zip(left()).collect();
    assert!(users().all(|users| users.phase() == Phase::Open));

    let replicas: u32 = cluster.nodes[cluster.owner].command("WAIT 1 20000");
    assert_eq!(replicas, 1, "the replica has the decision");
    let owner = cluster.owner;
    cluster.nodes[owner].kill();
    let deadline = Instant::now() + Duration::from_secs(60);
    for instance in &instances {
        while instance.fleet.exchange().await.is_err() {
            assert!(Instant::now() < deadline, "nobody has taken over within a minute");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert!(cluster.replica().command::<String>("INFO replication").contains("role:master"));
    assert_eq!(epochs().zip(left()).collect::<Vec<_>>(), before);

    // It goes on with the new master: one probe for all, and all close.
    clock.advance(10 * SECOND);
    for instance in &instances {
        instance.exchange().await;
    }
    let permits: Vec<_> = users().filter_map(|users| users.try_acquire_owned().ok()).collect();
    assert_eq!(permits.len(), 1);
    permits.into_iter().for_each(|permit| permit.success());
    for _ in 0..2 {
        for instance in &instances {
            instance.exchange().await;
        }
    }
    assert!(users().all(|users| users.phase() == Phase::Closed));
}
