//! A guarded client of Redis. "Not found" and a wrong type are answers; three lost
//! connections in a row open the breaker, and then `PING` probes instead of users' calls.
//! It starts a `redis-server` of its own, stops it, and starts it again.
//!
//! `cargo run -p microbreaker-service-example --example redis`

#[path = "../../fleet/tests/rig/server.rs"]
mod server;

use std::time::Duration;

use microbreaker_std::{Breaker, CallError, Outcome, Phase, guarded};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands as _, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use server::Server;
use tokio::time::sleep;

/// A store, each call of which is a call through the breaker.
#[derive(Clone)]
struct Store {
    breaker: Breaker,
    connection: ConnectionManager,
}

impl Store {
    fn open(url: &str) -> anyhow::Result<Self> {
        let breaker = Breaker::builder("store")
            .consecutive_failures(3)
            .open_for(Duration::from_millis(200))
            .build()?;
        let config = ConnectionManagerConfig::new()
            // A call that hangs is a failure, so the limits are inside the breaker.
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(Duration::from_secs(1)))
            // When to try again is for the breaker to decide.
            .set_number_of_retries(0);
        let client = redis::Client::open(url)?;
        Ok(Self { breaker, connection: ConnectionManager::new_lazy_with_config(client, config)? })
    }

    #[guarded(by = self.breaker, classify = meaning)]
    async fn put(&self, key: &str, value: &str) -> Result<(), CallError<RedisError>> {
        self.connection.clone().set(key, value).await
    }

    #[guarded(by = self.breaker, classify = meaning)]
    async fn get(&self, key: &str) -> Result<Option<String>, CallError<RedisError>> {
        self.connection.clone().get(key).await
    }

    #[guarded(by = self.breaker, classify = meaning)]
    async fn first(&self, list: &str) -> Result<Option<String>, CallError<RedisError>> {
        self.connection.clone().lindex(list, 0).await
    }

    /// Probes in place of users' calls.
    async fn check(&self) -> RedisResult<()> {
        let ping = async || redis::cmd("PING").exec_async(&mut self.connection.clone()).await;
        // The first after a lost connection only makes the client connect again.
        match ping().await {
            Err(_) => ping().await,
            answered => answered,
        }
    }
}

/// What Redis cannot do now is a failure; that it will not do it, is an answer.
fn meaning<T>(result: &RedisResult<T>) -> Outcome {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly, TryAgain};
    match result.as_ref().map_err(RedisError::kind) {
        Err(ErrorKind::Io) => Outcome::Failure,
        Err(ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | ReadOnly | TryAgain)) => {
            Outcome::Failure
        }
        _ => Outcome::Success,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut server = Server::start();
    let store = Store::open(&server.url())?;
    tokio::spawn({
        let store = store.clone();
        async move { store.breaker.probe_with(sleep, || store.check()).await }
    });

    store.put("user", "Ada").await?;
    println!("user: {:?}; {}", store.get("user").await?, store.breaker.phase());
    for _ in 0..5 {
        assert_eq!(store.get("nobody").await?, None);
        let error = store.first("user").await.unwrap_err();
        assert!(matches!(error, CallError::Failed(error) if error.code() == Some("WRONGTYPE")));
        assert_eq!(store.breaker.phase(), Phase::Closed);
    }

    server.kill();
    for _ in 0..3 {
        let error = store.get("user").await.unwrap_err();
        println!("{error}; {}", store.breaker.phase());
        assert!(matches!(error, CallError::Failed(_)));
    }
    // Whatever the check finds meanwhile, users are refused at once.
    while store.breaker.phase() != Phase::HalfOpen {
        assert!(store.get("user").await.is_err_and(|error| error.is_rejected()));
        tokio::task::yield_now().await;
    }

    server.restart();
    store.breaker.ready(sleep).await;
    println!("user: {:?}; {}", store.get("user").await?, store.breaker.phase());
    assert_eq!(store.breaker.phase(), Phase::Closed);
    Ok(())
}
