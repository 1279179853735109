//! One process: calls the upstream through a breaker, and answers questions.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use microbreaker_fleet::{Fleet, Hints, Order, RedisStore, Reply, Request, Store, StoreFuture};
use microbreaker_std::{Breaker, EventKind, Phase, Registry};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task;

use crate::upstream::{GOOD, now};

std::thread_local! {
    /// Whether this thread is asking a breaker, or telling it how a call ended.
    static IN_CALL: Cell<bool> = const { Cell::new(false) };
    /// How often the store was used meanwhile.
    static TOUCHING: Cell<u64> = const { Cell::new(0) };
}

/// Marks what a breaker does for a call.
fn in_call<T>(f: impl FnOnce() -> T) -> T {
    IN_CALL.set(true);
    let value = f();
    IN_CALL.set(false);
    value
}

/// A store that notices when a call touches it.
struct Watched(RedisStore);

impl Watched {
    fn touch() {
        if IN_CALL.get() {
            TOUCHING.set(TOUCHING.get() + 1);
        }
    }
}

impl Store for Watched {
    fn exchange<'a>(&'a self, request: &'a Request) -> StoreFuture<'a, Reply> {
        Self::touch();
        Box::pin(async {
            Self::touch();
            self.0.exchange(request).await
        })
    }

    fn order<'a>(&'a self, order: &'a Order) -> StoreFuture<'a, ()> {
        Self::touch();
        self.0.order(order)
    }

    fn hints(&self) -> Hints {
        Self::touch();
        self.0.hints()
    }
}

#[derive(Default)]
struct Counts {
    served: Cell<u64>,
    refused: Cell<u64>,
}

/// `NAME UPSTREAM URL TOGETHER PAUSE OPEN_FOR INTERVAL TASKS`, times in milliseconds.
pub(crate) async fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [name, upstream, url, together, pause, open_for, interval, tasks] = arguments else {
        anyhow::bail!("an instance takes eight arguments, but there are {}", arguments.len());
    };
    let millis = |text: &String| anyhow::Ok(Duration::from_millis(text.parse()?));
    let (pause, open_for, interval) = (millis(pause)?, millis(open_for)?, millis(interval)?);
    let upstream: u16 = upstream.parse()?;

    let template = Breaker::builder("template").consecutive_failures(5).open_for(open_for);
    let registry = Registry::new(template)?;
    registry.on_event(|event| {
        if let EventKind::Transition { to: Phase::Open, .. } = event.kind {
            println!("open {}", now());
        }
    });
    let users = registry.get("users");
    let counts = Rc::new(Counts::default());
    let local = task::LocalSet::new();
    let fleet = if together == "true" {
        let store = Watched(RedisStore::new(url, "trial")?);
        let fleet = Fleet::join(store, name).interval(interval);
        fleet.registry(&registry, "*")?;
        // Before the first call, so that it does not run into an opening.
        let _ = tokio::time::timeout(Duration::from_secs(5), fleet.exchange()).await;
        let background = fleet.clone();
        local.spawn_local(async move { background.run(tokio::time::sleep).await });
        Some(fleet)
    } else {
        None
    };
    let number: u32 = name.split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    for n in 0..tasks.parse()? {
        let (users, counts, name) = (users.clone(), counts.clone(), name.clone());
        local.spawn_local(async move {
            // The processes do not call all at once.
            tokio::time::sleep(pause * ((number * 7 + n * 3) % 50) / 50).await;
            loop {
                call(&users, &counts, &name, upstream).await;
                tokio::time::sleep(pause).await;
            }
        });
    }
    local.run_until(answer_questions(&users, &counts, fleet.as_ref())).await
}

async fn call(users: &Breaker, counts: &Counts, name: &str, upstream: u16) {
    let Ok(permit) = in_call(|| users.try_acquire()) else {
        counts.refused.set(counts.refused.get() + 1);
        return;
    };
    let answer = async {
        let mut stream = TcpStream::connect(("127.0.0.1", upstream)).await?;
        stream.write_all(format!("{name}\n").as_bytes()).await?;
        stream.read_u8().await
    };
    let answer = answer.await;
    in_call(|| match answer {
        Ok(GOOD) => permit.success(),
        Ok(_) => permit.failure(),
        Err(_) => permit.finish(microbreaker_std::Outcome::Unanswered),
    });
    counts.served.set(counts.served.get() + 1);
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
            "served" => counts.served.get(),
            "refused" => counts.refused.get(),
            "touching" => TOUCHING.get(),
            "silent" => {
                let status = fleet.and_then(|fleet| fleet.status("users"));
                u64::from(status.context("it has joined no fleet")?.view.is_none())
            }
            "p999" => p999(users),
            other => anyhow::bail!("there is no question {other:?}"),
        };
        println!("answer {answer}");
    }
    Ok(())
}

/// What one in a thousand guarded calls takes at least, in nanoseconds.
fn p999(users: &Breaker) -> u64 {
    let mut took: Vec<_> = (0..100_000)
        .map(|_| {
            let start = Instant::now();
            let _ = std::hint::black_box(users.call(|| Ok::<_, ()>(())));
            start.elapsed().as_nanos() as u64
        })
        .collect();
    took.sort_unstable();
    took[took.len() * 999 / 1_000]
}
