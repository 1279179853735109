//! A fleet of any size on a virtual clock: the same code as in a service, the store in
//! memory, and in front of it a server that takes its time, one exchange after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream;
use microbreaker_fleet::{Fleet, Hints, MemoryStore, Order, Reply, Request, Store, StoreFuture};
use microbreaker_std::clock::TokioClock;
use microbreaker_std::{Breaker, EventKind, Phase, Registry};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use crate::price::Price;

/// First it is calm. Then the upstream of one breaker fails, and recovers.
const CALM: [Duration; 2] = [Duration::from_secs(15), Duration::from_secs(30)];
const FAILS: Duration = CALM[1];
const RECOVERS: Duration = Duration::from_secs(75);
const ENDS: Duration = Duration::from_secs(95);

/// Between two calls of an instance through a breaker, on average.
const PAUSE: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_millis(20);
const OPEN_FOR: Duration = Duration::from_secs(10);
/// How long a request to the server is under way, and so is its answer.
const NETWORK: Duration = Duration::from_micros(250);

/// How large a fleet is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) instances: usize,
    /// Of all instances together.
    pub(crate) breakers: usize,
    /// Of each instance.
    pub(crate) each: usize,
}

/// What a fleet did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// In a second, while it was calm.
    pub(crate) exchanges: f64,
    pub(crate) reports: f64,
    /// The share of that time for which the server was busy, 0 to 1.
    pub(crate) load: f64,
    /// In the busiest second of all.
    pub(crate) most_exchanges: u64,
    /// From the first instance that opened, or closed, to the last.
    pub(crate) opening: Duration,
    pub(crate) closing: Duration,
    /// Calls that failed until all had opened.
    pub(crate) doomed: usize,
    /// Rounds of probes until all had closed, and the probes in them.
    pub(crate) rounds: usize,
    pub(crate) probes: usize,
    /// Instances that did not open, or did not close again.
    pub(crate) stragglers: usize,
}

/// Simulates a fleet, with a server at this price in microseconds. The same seed gives the
/// same figures.
pub(crate) fn simulate(size: Size, price: Price, seed: u64) -> anyhow::Result<Figures> {
    // On a thread of its own, because a runtime on a virtual clock cannot run within another.
    let simulated = std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build()?;
        runtime.block_on(async { World::new(size, price).run(seed).await })
    });
    simulated.join().map_err(|_| anyhow::anyhow!("the simulation has panicked"))?
}

#[derive(Clone)]
struct World(Arc<Shared>);

struct Shared {
    size: Size,
    price: Price,
    began: Instant,
    store: MemoryStore,
    server: Mutex<Server>,
    /// Those who wait for hints. Not by the store's own, which wakes them in any order.
    hinted: Mutex<Vec<Arc<Notify>>>,
    /// Whether the upstream of the first breaker fails.
    fails: AtomicBool,
    seen: Mutex<Seen>,
}

struct Server {
    /// When it has dealt with all requests.
    free: Instant,
    seconds: Vec<Second>,
}

#[derive(Clone, Copy, Default)]
struct Second {
    exchanges: u64,
    reports: u64,
    busy: Duration,
}

/// What has become of the first breaker.
#[derive(Default)]
struct Seen {
    /// When its upstream was called.
    calls: Vec<Duration>,
    /// Which instance entered which phase.
    entered: Vec<(Duration, usize, Phase)>,
    /// The fleet's decisions, which are about no other breaker.
    decided: BTreeSet<u64>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    fn new(size: Size, price: Price) -> Self {
        let began = Instant::now();
        Self(Arc::new(Shared {
            size,
            price,
            began,
            store: MemoryStore::with_clock(move || began.elapsed().as_millis() as u64),
            server: Mutex::new(Server { free: began, seconds: Vec::new() }),
            hinted: Mutex::default(),
            fails: AtomicBool::new(false),
            seen: Mutex::default(),
        }))
    }

    fn now(&self) -> Duration {
        self.0.began.elapsed()
    }

    async fn run(self, seed: u64) -> anyhow::Result<Figures> {
        let mut random = Random(seed);
        for n in 0..self.0.size.instances {
            self.start(n, random.next())?;
        }
        for (at, fails) in [(FAILS, true), (RECOVERS, false), (ENDS, false)] {
            sleep_until(self.0.began + at).await;
            self.0.fails.store(fails, Ordering::Relaxed);
        }
        Ok(self.figures())
    }

    /// An instance: its background task, and one that calls through its breakers.
    fn start(&self, n: usize, seed: u64) -> anyhow::Result<()> {
        let (Size { breakers, each, .. }, clock) = (self.0.size, TokioClock::new());
        let template = Breaker::builder("template").consecutive_failures(5).open_for(OPEN_FOR);
        let registry = Registry::new(template.clock(clock))?;
        let numbers = (0..each).map(|k| (n * each + k) % breakers);
        let breakers: Vec<_> =
            numbers.map(|b| (b == 0, registry.get(&format!("service-{b}")))).collect();
        let world = self.clone();
        for (_, breaker) in breakers.iter().filter(|(is_first, _)| *is_first) {
            let world = world.clone();
            breaker.on_event(move |event| {
                if let EventKind::Transition { to, .. } = event.kind {
                    locked(&world.0.seen).entered.push((world.now(), n, to));
                }
            });
        }
        let fleet = Fleet::join(world.clone(), n.to_string()).clock(clock);
        fleet.registry(&registry, "*")?;
        let mut random = Random(seed);
        // The processes have not started at once.
        let later = random.share(Duration::from_secs(1));
        tokio::spawn(async move {
            sleep(later).await;
            fleet.run(sleep).await;
        });
        tokio::spawn(async move {
            loop {
                sleep(PAUSE / 2 + random.share(PAUSE)).await;
                for (is_first, breaker) in &breakers {
                    world.call(*is_first, breaker).await;
                }
            }
        });
        Ok(())
    }

    async fn call(&self, is_first: bool, breaker: &Breaker) {
        let Ok(permit) = breaker.try_acquire() else { return };
        if is_first {
            locked(&self.0.seen).calls.push(self.now());
        }
        let fails = is_first && self.0.fails.load(Ordering::Relaxed);
        sleep(CALL).await;
        if fails { permit.failure() } else { permit.success() }
    }

    fn figures(&self) -> Figures {
        let (seen, server) = (locked(&self.0.seen), locked(&self.0.server));
        let [from, to] = CALM.map(|at| at.as_secs() as usize);
        let calm = &server.seconds[from..to];
        let each = |sum: f64| sum / calm.len() as f64;
        let callers = self.0.size.callers();
        let (opened, closed) =
            (seen.first(Phase::Open, FAILS), seen.first(Phase::Closed, RECOVERS));
        let between = |from: Option<Duration>, to: Option<Duration>| {
            seen.calls.iter().filter(|&&at| from <= Some(at) && Some(at) < to).count()
        };
        let after = |at: &&u64| opened.last().is_some_and(|last| **at > last.as_millis() as u64);
        Figures {
            exchanges: each(calm.iter().map(|it| it.exchanges as f64).sum()),
            reports: each(calm.iter().map(|it| it.reports as f64).sum()),
            load: each(calm.iter().map(|it| it.busy.as_secs_f64()).sum()),
            most_exchanges: server.seconds.iter().map(|it| it.exchanges).max().unwrap_or(0),
            opening: spread(&opened),
            closing: spread(&closed),
            doomed: between(Some(FAILS), opened.last().copied()),
            rounds: seen.decided.iter().filter(after).count(),
            probes: between(opened.last().copied(), closed.first().copied()),
            stragglers: 2 * callers - opened.len() - closed.len(),
        }
    }
}

impl Size {
    /// How many instances call through the first breaker.
    fn callers(self) -> usize {
        let Self { instances, breakers, each } = self;
        (0..instances).filter(|n| (0..each).any(|k| (n * each + k) % breakers == 0)).count()
    }
}

impl Seen {
    /// When each instance entered the phase first, from a time on: sorted.
    fn first(&self, phase: Phase, since: Duration) -> Vec<Duration> {
        let mut first = BTreeMap::new();
        for (at, n, _) in self.entered.iter().filter(|it| it.2 == phase && it.0 >= since) {
            first.entry(n).or_insert(*at);
        }
        let mut first: Vec<_> = first.into_values().collect();
        first.sort_unstable();
        first
    }
}

fn spread(sorted: &[Duration]) -> Duration {
    sorted.last().copied().unwrap_or_default() - sorted.first().copied().unwrap_or_default()
}

impl Store for World {
    fn exchange<'a>(&'a self, request: &'a Request) -> StoreFuture<'a, Reply> {
        Box::pin(async move {
            let reports = request.reports.len();
            let takes = self.0.price.of(1.0, reports as f64);
            let takes = Duration::from_secs_f64(takes / 1e6);
            let done = {
                let mut server = locked(&self.0.server);
                server.free = server.free.max(Instant::now() + NETWORK) + takes;
                let second = self.now().as_secs() as usize;
                if server.seconds.len() <= second {
                    server.seconds.resize(second + 1, Second::default());
                }
                let second = &mut server.seconds[second];
                second.exchanges += 1;
                second.reports += reports as u64;
                second.busy += takes;
                server.free
            };
            sleep_until(done + NETWORK).await;
            let reply = self.0.store.exchange(request).await?;
            if locked(&self.0.seen).decided.insert(reply.version) && reply.version > 0 {
                locked(&self.0.hinted).iter().for_each(|waits| waits.notify_one());
            }
            Ok(reply)
        })
    }

    fn order<'a>(&'a self, order: &'a Order) -> StoreFuture<'a, ()> {
        self.0.store.order(order)
    }

    fn hints(&self) -> Hints {
        let waits = Arc::new(Notify::new());
        locked(&self.0.hinted).push(waits.clone());
        Box::pin(stream::unfold(waits, |waits| async {
            waits.notified().await;
            Some(((), waits))
        }))
    }
}

/// A reproducible sequence that looks random.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0 >> 16
    }

    /// A share of this time.
    fn share(&mut self, time: Duration) -> Duration {
        time.mul_f64((self.next() % 1_000_000) as f64 / 1e6)
    }
}
