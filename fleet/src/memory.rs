//! A store in memory, and what every store does, in plain Rust.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_core::Stream;
use tokio::sync::watch;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::WatchStream;

use crate::record::{
    Action, COUNTS, MOST_ORDERS, Order, Proposal, Report, Slot, StoreError, StoredOrder, Verdict,
    View, Wish,
};
use crate::store::{Hints, Reply, Request, Store, StoreFuture};

/// How long a decision is remembered after nobody has touched its breaker.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// A store in memory: for tests, for examples, and for several registries of one process.
/// A handle, cheap to clone; all clones are the same store.
#[derive(Clone)]
pub struct MemoryStore(Arc<Shared>);

struct Shared {
    /// Milliseconds, of which only differences matter.
    now: Box<dyn Fn() -> u64 + Send + Sync>,
    contents: Mutex<Contents>,
    hints: watch::Sender<()>,
}

#[derive(Default)]
struct Contents {
    version: u64,
    breakers: HashMap<Arc<str>, Kept>,
    orders: BTreeMap<String, Given>,
}

#[derive(Default)]
struct Kept {
    epoch: u64,
    /// When its epoch began.
    decided: u64,
    /// For how long it was to open; `None` if it was to close.
    lasts: Option<u64>,
    /// When something was last decided or said.
    touched: u64,
    slots: HashMap<String, Written>,
    pool: Pool,
    leases: Vec<Lease>,
}

/// The slots together, so that nobody has to read them all.
#[derive(Default)]
struct Pool {
    /// Of the slots of this epoch.
    sums: [u64; COUNTS],
    /// When one of the slots may have ended.
    due: u64,
    /// When a slot was written last.
    written: u64,
}

struct Written {
    slot: Slot,
    sequence: u64,
    at: u64,
    lifetime: u64,
}

struct Lease {
    holder: String,
    /// When it was granted, and for how long.
    at: u64,
    time: u64,
    /// Whether its probe has ended with a result. Then it stays for the epoch.
    used: bool,
}

#[derive(Clone)]
struct Given {
    action: Action,
    by: String,
    reason: String,
    lasts: Option<u64>,
    at: u64,
    version: u64,
}

/// Whether `now` is within `time` of `at`. Not if the clock was set back since.
const fn within(now: u64, at: u64, time: u64) -> bool {
    matches!(now.checked_sub(at), Some(age) if age < time)
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

impl MemoryStore {
    /// An empty store on a monotonic clock.
    #[must_use]
    pub fn new() -> Self {
        let start = Instant::now();
        Self::with_clock(move || millis(start.elapsed()))
    }

    /// An empty store on a clock of its own, in milliseconds.
    pub fn with_clock(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        let contents = Mutex::default();
        Self(Arc::new(Shared { now: Box::new(now), contents, hints: watch::Sender::default() }))
    }

    /// Forgets everything.
    pub fn wipe(&self) {
        *self.contents() = Contents::default();
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exchange_now(&self, request: &Request) -> Reply {
        let now = (self.0.now)();
        let mut contents = self.contents();
        let before = contents.version;
        let remembered = millis(REMEMBERED);
        contents.breakers.retain(|_, kept| now.saturating_sub(kept.touched) < remembered);
        contents
            .orders
            .retain(|_, given| given.lasts.is_none_or(|time| within(now, given.at, time)));
        let views = request.reports.iter();
        let views = views.map(|report| Some(contents.report(request, report, now)));
        let views = views.collect();
        let version = contents.version;
        // Larger than what we ever gave: we have been wiped since.
        let seen = if request.seen > version { 0 } else { request.seen };
        let changed = contents.breakers.iter().filter(|(_, kept)| kept.epoch > seen);
        let changed = changed.map(|(name, _)| name.to_string()).collect();
        let orders = contents.orders.iter().map(|(pattern, given)| StoredOrder {
            order: Order {
                pattern: pattern.clone(),
                action: given.action,
                by: given.by.clone(),
                reason: given.reason.clone(),
                lasts: given.lasts.map(|time| {
                    Duration::from_millis(time.saturating_sub(now.saturating_sub(given.at)))
                }),
            },
            version: given.version,
            age: Duration::from_millis(now.saturating_sub(given.at)),
        });
        let reply = Reply { views, changed, version, orders: orders.collect() };
        drop(contents);
        if version != before {
            self.0.hints.send_replace(());
        }
        reply
    }

    fn order_now(&self, order: &Order) -> Result<(), StoreError> {
        order.check()?;
        let now = (self.0.now)();
        let mut contents = self.contents();
        if contents.orders.len() >= MOST_ORDERS && !contents.orders.contains_key(&order.pattern) {
            return Err(StoreError::new(format!("there are {MOST_ORDERS} orders already")));
        }
        let version = contents.next_version(now);
        let Order { pattern, action, by, reason, lasts } = order.clone();
        let lasts = lasts.map(millis);
        contents.orders.insert(pattern, Given { action, by, reason, lasts, at: now, version });
        drop(contents);
        self.0.hints.send_replace(());
        Ok(())
    }
}

impl Contents {
    /// Larger than any before, also than those before the store was wiped, unless its clock
    /// was set back as well.
    fn next_version(&mut self, now: u64) -> u64 {
        self.version = now.max(self.version + 1);
        self.version
    }

    fn report(&mut self, request: &Request, report: &Report, now: u64) -> View {
        let kept = self.breakers.entry(report.name.clone()).or_default();
        kept.touched = now;
        if report.proposal.is_some_and(|proposal| kept.accepts(proposal)) {
            let version = self.next_version(now);
            let kept = self.breakers.get_mut(&report.name).expect("it was there just now");
            kept.decide(report.proposal.and_then(|proposal| proposal.open_for), version, now);
        }
        let kept = self.breakers.get_mut(&report.name).expect("it was there just now");
        kept.write(request, report.slot, now);
        kept.end_leases(&request.instance, report);
        let granted = report.wish.map_or(0, |wish| kept.grant(&request.instance, wish, now));
        View { granted, ..kept.view(now) }
    }
}

impl Kept {
    fn accepts(&self, proposal: Proposal) -> bool {
        self.epoch == proposal.epoch
    }

    fn decide(&mut self, open_for: Option<Duration>, version: u64, now: u64) {
        self.epoch = version;
        // None of the slots is of this epoch.
        self.pool.due = 0;
        (self.decided, self.lasts) = (now, open_for.map(millis));
        self.leases.clear();
    }

    fn write(&mut self, request: &Request, slot: Option<Slot>, now: u64) {
        let lifetime = millis(request.lifetime);
        // Or if the clock was set back.
        if now >= self.pool.due || now < self.pool.written {
            self.sum_up(now, lifetime);
        }
        let Some(slot) = slot else { return };
        let before = self.slots.get(&request.instance);
        if before.is_some_and(|written| written.sequence >= request.sequence) {
            return;
        }
        let (before, epoch) = (before.map(|written| written.slot), self.epoch);
        let of_epoch = |slot: &Slot| slot.epoch == epoch;
        let [less, more] = [before, Some(slot)]
            .map(|slot| slot.filter(of_epoch).unwrap_or_default().counts().map(u64::from));
        let sums = self.pool.sums.iter_mut().zip(less.iter().zip(more));
        sums.for_each(|(sum, (less, more))| *sum = *sum - less + more);
        self.pool.due = self.pool.due.min(now.saturating_add(lifetime));
        self.pool.written = now;
        let written = Written { slot, sequence: request.sequence, at: now, lifetime };
        self.slots.insert(request.instance.clone(), written);
    }

    /// Drops the slots that have ended, and adds up the others. Where slots end one after the
    /// other, not at each end, but four times an interval at most.
    fn sum_up(&mut self, now: u64, lifetime: u64) {
        self.slots.retain(|_, written| within(now, written.at, written.lifetime));
        let mut sums = [0; COUNTS];
        for Written { slot, .. } in self.slots.values().filter(|it| it.slot.epoch == self.epoch) {
            sums.iter_mut().zip(slot.counts()).for_each(|(sum, count)| *sum += u64::from(count));
        }
        let ends = self.slots.values().map(|it| it.at.saturating_add(it.lifetime));
        let due = ends.min().unwrap_or(u64::MAX).max(now.saturating_add(lifetime / 12));
        self.pool = Pool { sums, due, written: now };
    }

    /// Deals with leases that are handed back, or whose probes have ended.
    fn end_leases(&mut self, holder: &str, report: &Report) {
        let is_open = self.lasts.is_some();
        for (count, keep) in [(report.used, is_open), (report.handed_back, false)] {
            for _ in 0..count {
                let held = |lease: &Lease| lease.holder == holder && !lease.used;
                let Some(place) = self.leases.iter().position(held) else { break };
                if keep {
                    self.leases[place].used = true;
                } else {
                    self.leases.remove(place);
                }
            }
        }
    }

    fn grant(&mut self, holder: &str, wish: Wish, now: u64) -> u32 {
        self.leases.retain(|lease| lease.used || within(now, lease.at, lease.time));
        let room = wish.limit.saturating_sub(self.leases.len() as u32);
        let granted = wish.count.min(room);
        let lease =
            || Lease { holder: holder.to_owned(), at: now, time: millis(wish.time), used: false };
        self.leases.extend((0..granted).map(|_| lease()));
        granted
    }

    fn view(&self, now: u64) -> View {
        // If the clock was set back, not less than nothing: no opening lasts longer than it was
        // to.
        let age = now.saturating_sub(self.decided);
        let verdict = match self.lasts {
            Some(lasts) => Verdict::Open(Duration::from_millis(lasts.saturating_sub(age))),
            None if self.epoch > 0 => Verdict::Closed(Duration::from_millis(age)),
            None => Verdict::None,
        };
        let leases = self.leases.iter().filter(|lease| within(now, lease.at, lease.time));
        let leases = leases.filter(|lease| !lease.used).count() as u32;
        let (epoch, instances) = (self.epoch, self.slots.len() as u32);
        View { epoch, verdict, instances, leases, ..View::default() }.with_sums(self.pool.sums)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    fn exchange<'a>(&'a self, request: &'a Request) -> StoreFuture<'a, Reply> {
        Box::pin(async { Ok(self.exchange_now(request)) })
    }

    fn order<'a>(&'a self, order: &'a Order) -> StoreFuture<'a, ()> {
        Box::pin(async { self.order_now(order) })
    }

    fn hints(&self) -> Hints {
        let hints = WatchStream::from_changes(self.0.hints.subscribe());
        let hints: Box<dyn Stream<Item = ()> + Send> = Box::new(hints.map(|()| ()));
        hints.into()
    }
}
