//! The service in three processes that are a fleet. What two of them find out spares the
//! third, which stops calling the upstream without one failed call of its own; one of the
//! three probes for all, and they close together. Then their `redis-server` is killed, and
//! each goes on as the local breaker that it is.
//!
//! `cargo run -p microbreaker-service-example --example fleet`

#[path = "../../fleet/tests/rig/server.rs"]
mod server;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use microbreaker_fleet::{Fleet, RedisStore};
use microbreaker_service_example::upstream::{Fault, Upstream};
use microbreaker_service_example::{listen, service};
use microbreaker_std::admin::Admin;
use microbreaker_std::{Breaker, Registry};
use reqwest::Client;
use serde_json::Value;
use server::Server;
use tokio::time::{sleep, timeout};

/// A second would do in a service.
const INTERVAL: Duration = Duration::from_millis(200);
const OPEN_FOR: Duration = Duration::from_secs(2);

/// One of the processes.
async fn serve(name: &str, upstream: &str, store: &str) -> anyhow::Result<()> {
    let template = Breaker::builder("template").consecutive_failures(5).open_for(OPEN_FOR);
    let registry = Registry::new(template)?;
    let fleet = Fleet::join(RedisStore::new(store, "example")?, name).interval(INTERVAL);
    fleet.registry(&registry, "*")?;
    let rates = registry.get("rates");
    // Before the first call, so that a process that starts late knows what the others know.
    let _ = timeout(OPEN_FOR, fleet.exchange()).await;
    tokio::spawn(async move { fleet.run(sleep).await });

    let app = service::app(upstream.parse()?, Some(rates), || ())
        .nest("/admin", Admin::new(registry).router());
    let listener = listen(0).await?;
    println!("{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// Killed when it is dropped.
struct Process {
    child: Child,
    address: SocketAddr,
    client: Client,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    fn start(name: &str, upstream: &Upstream, store: &Server) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([name, &upstream.address().to_string(), &store.url()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("it is piped")?).read_line(&mut line)?;
        let client = Client::builder().no_proxy().build()?;
        Ok(Self { child, address: line.trim().parse()?, client })
    }

    async fn get(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        Ok(self.client.get(format!("http://{}{path}", self.address)).send().await?)
    }

    /// What a user gets: `fresh` or `cached`.
    async fn rate(&self) -> anyhow::Result<String> {
        let answer = self.get("/rate").await?.error_for_status()?;
        let freshness = answer.headers().get(service::ANSWER).context("it says how fresh it is")?;
        Ok(freshness.to_str()?.to_owned())
    }

    /// The breaker, as the admin routes show it.
    async fn breaker(&self) -> anyhow::Result<Value> {
        let text = self.get("/admin/breakers/rates").await?.text().await?;
        Ok(serde_json::from_str(&text)?)
    }

    async fn phase(&self) -> anyhow::Result<String> {
        Ok(self.breaker().await?["phase"].as_str().context("it has one")?.to_owned())
    }

    /// Why its breaker opened last.
    async fn cause(&self) -> anyhow::Result<String> {
        let past: Value = serde_json::from_str(&self.get("/admin/history").await?.text().await?)?;
        let mut events = past["events"].as_array().context("events")?.iter().rev();
        let opened = events.find(|event| event["to"] == "open").context("it has opened")?;
        Ok(opened["cause"].as_str().context("a cause")?.to_owned())
    }

    async fn hears_of_fleet(&self) -> anyhow::Result<bool> {
        Ok(!self.breaker().await?["fleet"]["age_ms"].is_null())
    }
}

/// Waits for this of every process.
async fn until(
    processes: &[Process],
    is: impl AsyncFn(&Process) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    for process in processes {
        while !is(process).await? {
            anyhow::ensure!(Instant::now() < deadline, "it does not happen");
            sleep(INTERVAL / 10).await;
        }
    }
    Ok(())
}

async fn phase_is(processes: &[Process], phase: &str) -> anyhow::Result<()> {
    until(processes, async |process| Ok(process.phase().await? == phase)).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    if let [_, name, upstream, store] = &*std::env::args().collect::<Vec<_>>() {
        return serve(name, upstream, store).await;
    }
    let (mut store, mut upstream) = (Server::start(), Upstream::start().await?);
    let names = ["ann", "bob", "cleo"];
    let processes = names.map(|name| Process::start(name, &upstream, &store));
    let processes = processes.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let [ann, bob, cleo] = &*processes else { unreachable!("there are three") };
    for process in &processes {
        assert_eq!(process.rate().await?, "fresh");
    }
    println!("Three processes serve their users. Then the upstream answers with errors.");
    until(&processes, Process::hears_of_fleet).await?;
    // Until nobody's last success is news.
    sleep(3 * INTERVAL).await;

    let before = upstream.asked();
    upstream.set(Fault::Errors).await?;
    for process in [ann, ann, bob] {
        assert_eq!(process.rate().await?, "cached");
    }
    phase_is(&processes, "open").await?;
    let failed = upstream.asked() - before;
    println!("After {failed} failed calls of Ann and Bob all three are open; alone it takes 15.");
    assert!(failed < 10, "{failed}");
    assert_eq!(cleo.cause().await?, "fleet");
    println!("Cleo has opened because the fleet did, without a failed call of its own.");

    // It takes its time, so that users of all three come while the probe is out.
    upstream.set(Fault::Slow(service::TIMEOUT / 2)).await?;
    until(&processes, async |process| Ok(process.phase().await? != "open")).await?;
    let before = upstream.asked();
    while upstream.asked() == before {
        tokio::try_join!(ann.rate(), bob.rate(), cleo.rate())?;
    }
    println!("The opening is over: {} probe for the three.", upstream.asked() - before);
    assert_eq!(upstream.asked() - before, 1);
    phase_is(&processes, "closed").await?;
    println!("It succeeded, and all three are closed.");

    store.kill();
    until(&processes, async |process| Ok(!process.hears_of_fleet().await?)).await?;
    for process in &processes {
        assert_eq!(process.rate().await?, "fresh");
    }
    println!("The redis-server is dead. Users do not notice.");
    upstream.set(Fault::Errors).await?;
    let before = upstream.asked();
    while ann.phase().await? == "closed" {
        assert_eq!(ann.rate().await?, "cached");
    }
    let failed = upstream.asked() - before;
    assert_eq!([bob.phase().await?, cleo.phase().await?], ["closed"; 2]);
    assert_eq!(ann.cause().await?, "consecutive_failures");
    println!("The upstream fails again: Ann finds out alone, by {failed} failed calls.");
    upstream.set(Fault::None).await?;
    while ann.phase().await? != "closed" {
        ann.rate().await?;
    }
    println!("It recovers: Ann probes without asking anyone, and closes.");

    store.restart();
    until(&processes, Process::hears_of_fleet).await?;
    println!("Another redis-server is there: all three hear of each other again.");
    Ok(())
}
