//! One process, or two: calls the upstream through a breaker, and answers questions.

use std::cell::Cell;
use std::net::SocketAddr;
use std::os::unix::process::parent_id;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fork::Fork;
use microbreaker_fleet::{Fleet, Hints, Order, RedisStore, Reply, Request, Store, StoreFuture};
use microbreaker_std::{Breaker, EventKind, Outcome, Phase, Registry};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::upstream::{GOOD, now};

/// What an instance is told on its command line, as JSON.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// Its number, and how many instances were started before.
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) upstream: SocketAddr,
    /// Of the store.
    pub(crate) url: String,
    pub(crate) setup: Setup,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Whether there is a fleet, and whether it hears hints.
    pub(crate) together: bool,
    pub(crate) hints: bool,
    /// Between two calls of a thread.
    pub(crate) pause: Duration,
    pub(crate) open_for: Duration,
    pub(crate) interval: Duration,
    pub(crate) threads: u32,
    /// Whether each has a fork, which inherits what the instance knows of the fleet.
    pub(crate) forks: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            together: true,
            hints: true,
            pause: Duration::from_secs(1),
            open_for: Duration::from_secs(5),
            interval: Duration::from_secs(1),
            threads: 1,
            forks: false,
        }
    }
}

std::thread_local! {
    /// Whether this thread is asking a breaker, or telling it how a call ended.
    static IN_CALL: Cell<bool> = const { Cell::new(false) };
}

/// How often the store was used meanwhile.
static TOUCHING: AtomicU64 = AtomicU64::new(0);

/// Marks what a breaker does for a call.
fn in_call<T>(f: impl FnOnce() -> T) -> T {
    IN_CALL.set(true);
    let value = f();
    IN_CALL.set(false);
    value
}

/// A store that notices when a call touches it.
struct Watched {
    store: RedisStore,
    hints: bool,
}

impl Watched {
    fn touch() {
        TOUCHING.fetch_add(IN_CALL.get().into(), Ordering::Relaxed);
    }
}

impl Store for Watched {
    fn exchange<'a>(&'a self, request: &'a Request) -> StoreFuture<'a, Reply> {
        Self::touch();
        Box::pin(async {
            Self::touch();
            self.store.exchange(request).await
        })
    }

    fn order<'a>(&'a self, order: &'a Order) -> StoreFuture<'a, ()> {
        Self::touch();
        self.store.order(order)
    }

    fn hints(&self) -> Hints {
        Self::touch();
        if self.hints { self.store.hints() } else { Box::pin(tokio_stream::pending()) }
    }
}

#[derive(Clone, Default)]
struct Counts {
    served: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

pub(crate) fn run(orders: &str) -> anyhow::Result<()> {
    let orders: Orders = serde_json::from_str(orders)?;
    let setup = &orders.setup;
    let template = Breaker::builder("template").consecutive_failures(5).open_for(setup.open_for);
    let registry = Registry::new(template)?;
    registry.on_event(|event| {
        if let EventKind::Transition { to: Phase::Open, .. } = event.kind {
            println!("open {}", now());
        }
    });
    let users = registry.get("users");
    let mut fleet = None;
    if setup.together {
        let store = RedisStore::new(&orders.url, "trial")?;
        let store = Watched { store, hints: setup.hints };
        let joined = Fleet::join(store, &*orders.name).interval(setup.interval);
        joined.registry(&registry, "*")?;
        // Before the first call, so that it does not run into an opening.
        let first = async { tokio::time::timeout(Duration::from_secs(5), joined.exchange()).await };
        let _ = runtime()?.block_on(first);
        fleet = Some(joined);
    }
    if setup.forks {
        // Before there are threads: what a fork would find of them it could not use.
        match fork::fork()? {
            Fork::Parent(fork) => println!("fork {fork}"),
            Fork::Child => return run_fork(&orders, &users, fleet),
        }
    }
    let counts = Counts::default();
    for thread in 0..setup.threads {
        call_on_a_thread(&orders, orders.name.clone(), thread, &users, &counts);
    }
    runtime()?.block_on(async {
        if let Some(fleet) = fleet.clone() {
            tokio::spawn(async move { fleet.run(tokio::time::sleep).await });
        }
        answer_questions(&users, &counts, fleet.as_ref()).await
    })
}

/// Until its parent has gone.
fn run_fork(orders: &Orders, users: &Breaker, fleet: Option<Fleet>) -> anyhow::Result<()> {
    let parent = parent_id();
    for thread in 0..orders.setup.threads {
        let name = format!("{}/fork", orders.name);
        call_on_a_thread(orders, name, thread, users, &Counts::default());
    }
    runtime()?.block_on(async {
        if let Some(fleet) = fleet {
            tokio::spawn(async move { fleet.run(tokio::time::sleep).await });
        }
        while parent_id() == parent {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    Ok(())
}

fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn call_on_a_thread(orders: &Orders, name: String, thread: u32, users: &Breaker, counts: &Counts) {
    let (users, counts, upstream) = (users.clone(), counts.clone(), orders.upstream);
    let pause = orders.setup.pause;
    // They do not call all at once.
    let first = pause * ((orders.number * 7 + thread * 3) % 50) / 50;
    std::thread::spawn(move || {
        runtime().expect("a runtime").block_on(async {
            tokio::time::sleep(first).await;
            loop {
                call(&users, &counts, &name, upstream).await;
                tokio::time::sleep(pause).await;
            }
        });
    });
}

async fn call(users: &Breaker, counts: &Counts, name: &str, upstream: SocketAddr) {
    let Ok(permit) = in_call(|| users.try_acquire()) else {
        counts.refused.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let answer = async {
        let mut stream = TcpStream::connect(upstream).await?;
        stream.write_all(format!("{name}\n").as_bytes()).await?;
        stream.read_u8().await
    };
    let answer = answer.await;
    in_call(|| match answer {
        Ok(GOOD) => permit.success(),
        Ok(_) => permit.failure(),
        Err(_) => permit.finish(Outcome::Unanswered),
    });
    counts.served.fetch_add(1, Ordering::Relaxed);
}

async fn answer_questions(
    users: &Breaker,
    counts: &Counts,
    fleet: Option<&Fleet>,
) -> anyhow::Result<()> {
    let mut questions = BufReader::new(tokio::io::stdin()).lines();
    println!("ready");
    while let Some(question) = questions.next_line().await? {
        let answer = match &*question {
            "served" => counts.served.load(Ordering::Relaxed),
            "refused" => counts.refused.load(Ordering::Relaxed),
            "touching" => TOUCHING.load(Ordering::Relaxed),
            "closed" => (users.phase() == Phase::Closed).into(),
            "silent" => {
                let status = fleet.and_then(|fleet| fleet.status("users"));
                status.context("it has joined no fleet")?.view.is_none().into()
            }
            "p999" => {
                let users = users.clone();
                // On another thread than the background task.
                tokio::task::spawn_blocking(move || p999_over_local(&users)).await??
            }
            other => anyhow::bail!("there is no question {other:?}"),
        };
        println!("answer {answer}");
    }
    Ok(())
}

/// What one in a thousand guarded calls takes at least, in thousandths of what it takes with a
/// breaker that is in no fleet: both by turns, and each at the best of several times, because
/// what else this machine does only ever adds.
fn p999_over_local(users: &Breaker) -> anyhow::Result<u64> {
    const TIMES: usize = 5;
    const CALLS: usize = 40_000;
    let local = Breaker::builder("local").consecutive_failures(5).open_for(Duration::from_secs(5));
    let breakers = [users, &local.build()?];
    let mut best = [u64::MAX; 2];
    for _ in 0..TIMES {
        let mut took = [const { Vec::new() }; 2];
        for n in 0..2 * CALLS {
            let start = Instant::now();
            let _ = std::hint::black_box(breakers[n % 2].call(|| Ok::<_, ()>(())));
            took[n % 2].push(start.elapsed().as_nanos() as u64);
        }
        for (best, took) in best.iter_mut().zip(&mut took) {
            took.sort_unstable();
            *best = (*best).min(took[CALLS * 999 / 1_000]);
        }
    }
    let [member, local] = best;
    Ok(member * 1_000 / local.max(1))
}
