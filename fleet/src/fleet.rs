//! The instance's side of a fleet: what it has joined, and its background task.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::future::{Future, poll_fn};
use std::hash::BuildHasher;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use microbreaker_std::clock::{Clock, MonotonicClock};
use microbreaker_std::settings::Mode;
use microbreaker_std::{Breaker, BuildError, Registry};
use wildmatch::WildMatch;

use crate::decide::Quorum;
use crate::link::Link;
use crate::member::{Member, Terms};
use crate::record::{Action, Order, Report, StoreError, StoredOrder, View};
use crate::store::{Hints, Reply, Request, Store};

/// How many intervals old what the fleet has said may be.
const TOO_OLD: u32 = 3;
/// How often an instance speaks again at once, because something was decided.
const AT_ONCE: u32 = 3;

/// The breakers of this process among those of many: a handle, cheap to clone.
///
/// The local breaker alone decides every call. A background task, [`run`](Self::run),
/// exchanges what it has seen with a [`Store`] and acts on the local breakers.
///
/// ```
/// use microbreaker_fleet::{Fleet, MemoryStore};
/// use microbreaker_std::{Breaker, Phase, Registry, clock::PausedClock};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let template = || Breaker::builder("template")
///     .consecutive_failures(4)
///     .open_for(Duration::from_secs(30));
/// let (store, clock) = (MemoryStore::new(), PausedClock::new());
/// let [a, b, c] = ["a", "b", "c"].map(|name| {
///     let registry = Registry::new(template()).expect("it has a policy");
///     let fleet = Fleet::join(store.clone(), name).clock(clock.clone());
///     fleet.registry(&registry, "*").expect("it is short");
///     (registry, fleet)
/// });
/// // In a service: tokio::spawn(async move { fleet.run(tokio::time::sleep).await });
///
/// for (registry, fleet) in [&a, &b, &c] {
///     let _ = registry.get("users");
///     fleet.exchange().await?;
/// }
/// clock.advance(Duration::from_secs(1));
/// for (registry, fleet) in [&a, &b] {
///     for _ in 0..2 {
///         let _ = registry.get("users").call(|| Err::<(), _>("503"));
///     }
///     fleet.exchange().await?;
/// }
/// c.1.exchange().await?;
/// assert_eq!(c.0.get("users").phase(), Phase::Open); // without a call of its own
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Fleet(Arc<Shared>);

struct Shared {
    store: Box<dyn Store>,
    identity: String,
    interval: Duration,
    quorum: Quorum,
    clock: Arc<dyn Clock + Send + Sync>,
    link: Arc<Link>,
    state: Mutex<State>,
    /// One exchange at a time.
    exchanging: tokio::sync::Mutex<()>,
}

struct State {
    /// The process for which `instance` was made.
    process: u32,
    instance: String,
    sequence: u64,
    seen: u64,
    orders: Vec<StoredOrder>,
    /// The tick at which the orders were heard.
    ordered_at: u32,
    members: BTreeMap<Arc<str>, Joined>,
    registries: Vec<(Registry, String, WildMatch)>,
}

struct Joined {
    member: Member,
    /// The breaker itself, unless it is that of a registry, which may evict it.
    breaker: Option<Breaker>,
}

/// How a fleet sees one of its breakers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// What the fleet has said of it last; `None` if that is more than three intervals ago,
    /// because the breaker is idle here, or the store is away.
    pub view: Option<View>,
    /// How long ago the last exchange was.
    pub age: Duration,
    /// Leases that this instance holds.
    pub leases: u32,
    /// The order in force.
    pub order: Option<StoredOrder>,
}

impl Fleet {
    /// Joins the fleet that meets in `store`, as an instance whose name begins with
    /// `identity`: the host or the pod, for those who read it. Each process gets an identity
    /// of its own, and so does a fork.
    pub fn join(store: impl Store + 'static, identity: impl Into<String>) -> Self {
        let clock = Arc::new(MonotonicClock::new());
        Self::assemble(
            Box::new(store),
            identity.into(),
            Duration::from_secs(1),
            Quorum::default(),
            clock,
        )
    }

    fn assemble(
        store: Box<dyn Store>,
        identity: String,
        interval: Duration,
        quorum: Quorum,
        clock: Arc<dyn Clock + Send + Sync>,
    ) -> Self {
        let process = std::process::id();
        let instance = instance(&identity, process);
        let jitter = interval.mul_f64(f64::from(draw(&instance, 0) % 1_000) / 500.0);
        let connection = Breaker::builder("microbreaker-fleet store")
            .consecutive_failures(3)
            // Over before the next regular exchange, which finds a store that is back.
            .open_for(interval / 2)
            .jitter(20)
            .clock(SharedClock(clock.clone()))
            .build()
            .expect("its settings are constants, but for a positive interval");
        let link = Link::new(clock.clone(), connection, interval * TOO_OLD, jitter);
        let state = State {
            process,
            instance,
            sequence: 0,
            seen: 0,
            orders: Vec::new(),
            ordered_at: 0,
            members: BTreeMap::new(),
            registries: Vec::new(),
        };
        Self(Arc::new(Shared {
            store,
            identity,
            interval,
            quorum,
            clock,
            link: Arc::new(link),
            state: Mutex::new(state),
            exchanging: tokio::sync::Mutex::default(),
        }))
    }

    /// Rebuilds the fleet before anything has joined.
    fn set_up(self, change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = Arc::try_unwrap(self.0)
            .unwrap_or_else(|_| panic!("a fleet is set up before it is shared"));
        change(&mut shared);
        let Shared { store, identity, interval, quorum, clock, .. } = shared;
        Self::assemble(store, identity, interval, quorum, clock)
    }

    /// Exchanges once in `interval`, which is jittered by a tenth: by default a second, at
    /// least 10 ms and at most an hour.
    ///
    /// A request that takes longer is given up, and its connection with it. Making one takes a
    /// few ways to the store and back, over TLS some ten.
    ///
    /// # Panics
    ///
    /// If the interval is out of this range, or if the fleet has been cloned or joined.
    #[must_use]
    pub fn interval(self, interval: Duration) -> Self {
        let range = Duration::from_millis(10)..=Duration::from_secs(3_600);
        assert!(
            range.contains(&interval),
            "the interval is {interval:?}, but must be in {range:?}"
        );
        self.set_up(|shared| shared.interval = interval)
    }

    /// How many instances must see a service failing before the fleet opens.
    ///
    /// # Panics
    ///
    /// If the fleet has been cloned or joined.
    #[must_use]
    pub fn quorum(self, quorum: Quorum) -> Self {
        self.set_up(|shared| shared.quorum = quorum)
    }

    /// Reads milliseconds from this clock, as the breakers do.
    ///
    /// # Panics
    ///
    /// If the fleet has been cloned or joined.
    #[must_use]
    pub fn clock(self, clock: impl Clock + Send + Sync + 'static) -> Self {
        self.set_up(|shared| shared.clock = Arc::new(clock))
    }

    /// Has a breaker join under its name. Returns whether it did: not if there is one of
    /// that name already, or it is in a fleet already.
    pub fn breaker(&self, breaker: &Breaker) -> bool {
        let mut state = self.state();
        let member = Member::new(self.0.link.clone());
        if state.members.contains_key(breaker.name()) || !breaker.join_fleet(member.leases.clone())
        {
            return false;
        }
        let joined = Joined { member, breaker: Some(breaker.clone()) };
        state.members.insert(breaker.name().clone(), joined);
        true
    }

    /// Has the breakers of `registry` join whose names match `pattern`, also those that are
    /// built later, from the next exchange on.
    ///
    /// # Errors
    ///
    /// If the pattern is longer than 256 bytes.
    pub fn registry(&self, registry: &Registry, pattern: &str) -> Result<(), StoreError> {
        if pattern.len() > crate::record::LONGEST {
            let text = format!("a pattern of {} bytes, but at most 256 are allowed", pattern.len());
            return Err(StoreError::new(text));
        }
        let glob = WildMatch::new(pattern);
        self.state().registries.push((registry.clone(), pattern.to_owned(), glob));
        Ok(())
    }

    /// Gives an order to all instances: those that run, within an interval, and those that
    /// start later.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached, a text is longer than 256 bytes, or there are 256
    /// orders already.
    pub async fn order(&self, order: &Order) -> Result<(), StoreError> {
        order.check()?;
        self.0.store.order(order).await
    }

    /// How the fleet sees the breaker of this name, if it has joined.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<Status> {
        let state = self.state();
        let member = &state.members.get(name)?.member;
        let held = member.leases.held();
        Some(Status {
            view: member.leases.recent().map(|told| told.view),
            age: Duration::from_millis(self.0.link.age().into()),
            leases: held.free + held.out,
            order: state.order_for(name).cloned(),
        })
    }

    /// The breaker that guards the connection to the store: its phase is the store's health.
    #[must_use]
    pub fn connection(&self) -> &Breaker {
        &self.0.link.connection
    }

    /// Exchanges once in each interval, and at once when there is a hint or a probe has
    /// ended. It never returns.
    ///
    /// `sleep` is the executor's timer, `tokio::time::sleep` for example. A request that
    /// takes longer than an interval is given up.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the background task. Three intervals later the breakers are
    /// on their own.
    pub async fn run<S: Future>(&self, mut sleep: impl FnMut(Duration) -> S) {
        let mut hints = self.0.store.hints();
        let mut turn = 0;
        loop {
            turn += 1;
            {
                let mut timeout = pin!(sleep(self.0.interval));
                let mut exchange = pin!(self.exchange_guarded());
                // An error is shown by the connection's breaker, and by the age of the views.
                poll_fn(|context| {
                    let done = exchange.as_mut().poll(context).map(|_| ());
                    if done.is_ready() { done } else { timeout.as_mut().poll(context).map(|_| ()) }
                })
                .await;
            }
            self.look_at_age();
            let jitter = f64::from(draw(&self.0.identity, turn) % 200) / 1_000.0;
            // Not sooner than this, however many hints there are.
            let least = self.0.interval / 20;
            sleep(least).await;
            let pause = self.0.interval.mul_f64(0.9 + jitter).saturating_sub(least);
            self.pause(sleep(pause), &mut hints).await;
        }
    }

    async fn pause(&self, timer: impl Future, hints: &mut Hints) {
        let mut timer = pin!(timer);
        let mut wake = pin!(self.0.link.wake.notified());
        let mut hinted = true;
        poll_fn(|context| {
            if wake.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            if hinted {
                match Pin::as_mut(hints).poll_next(context) {
                    Poll::Ready(Some(())) => {
                        self.state().be_curious();
                        return Poll::Ready(());
                    }
                    // There will be no more.
                    Poll::Ready(None) => hinted = false,
                    Poll::Pending => {}
                }
            }
            timer.as_mut().poll(context).map(|_| ())
        })
        .await;
    }

    /// Exchanges with the store through its breaker.
    async fn exchange_guarded(&self) -> Result<(), StoreError> {
        let permit = match self.connection().try_acquire() {
            Ok(permit) => permit,
            Err(rejected) => return Err(StoreError::new(rejected.to_string())),
        };
        // A request that is given up is a failure.
        let in_call = GivenUp(Some(permit));
        let result = self.exchange().await;
        in_call.end(result.is_ok());
        result
    }

    /// Exchanges with the store once, and again at once if something was decided. For tests,
    /// and for executors that [`run`](Self::run) does not suit.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached. The breakers go on as they are.
    pub async fn exchange(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.0.exchanging.lock().await;
        for n in 0..=AT_ONCE {
            if !self.exchange_once(n > 0).await? {
                break;
            }
        }
        Ok(())
    }

    /// Returns whether another exchange is worth while.
    async fn exchange_once(&self, again: bool) -> Result<bool, StoreError> {
        self.look_at_age();
        let terms = self.0.terms(again);
        let process = std::process::id();
        let request = self.state().request(&self.0, process, &terms);
        let mut trip = RoundTrip { link: &self.0.link, began: Instant::now(), succeeded: false };
        let reply = self.0.store.exchange(&request).await?;
        if reply.views.len() != request.reports.len() {
            return Err(StoreError::new("it answered something else than it was asked"));
        }
        trip.succeeded = true;
        drop(trip);
        let mut state = self.state();
        let again = state.hear(&self.0, &request.reports, reply, &terms);
        self.0.link.heard(terms.now, process);
        Ok(again)
    }

    /// Drops what is too old.
    fn look_at_age(&self) {
        let mut state = self.state();
        if self.0.link.is_silent() {
            state.with_members(&self.0, |member, breaker| {
                member.drop_view();
                // Without the store, a probe needs no leave for long.
                breaker.leave_has_come();
            });
        }
        state.end_orders(&self.0);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request to the store that may be given up.
struct GivenUp<'a>(Option<microbreaker_std::Permit<&'a Breaker>>);

impl GivenUp<'_> {
    fn end(mut self, succeeded: bool) {
        let permit = self.0.take().expect("it ends once");
        if succeeded { permit.success() } else { permit.failure() }
    }
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            permit.failure();
        }
    }
}

/// An exchange that is under way. Counted at its end, also if it is given up.
struct RoundTrip<'a> {
    link: &'a Link,
    began: Instant,
    succeeded: bool,
}

impl Drop for RoundTrip<'_> {
    fn drop(&mut self) {
        self.link.exchanged(self.began.elapsed(), self.succeeded);
    }
}

impl Shared {
    fn terms(&self, again: bool) -> Terms {
        let (quorum, interval) = (self.quorum, self.interval);
        Terms { quorum, interval, again, now: self.link.now() }
    }
}

impl State {
    fn request(&mut self, shared: &Shared, process: u32, terms: &Terms) -> Request {
        if self.process != process {
            // In a fork: nothing that the parent holds or has said is ours.
            self.process = process;
            self.instance = instance(&shared.identity, process);
            for joined in self.members.values_mut() {
                joined.member.leases.begin();
                joined.member.drop_view();
            }
        }
        self.sequence += 1;
        let mut reports = Vec::new();
        self.with_members(shared, |member, breaker| {
            reports.extend(member.report(breaker, terms));
        });
        Request {
            instance: self.instance.clone(),
            sequence: self.sequence,
            lifetime: shared.interval * TOO_OLD,
            reports,
            seen: self.seen,
        }
    }

    fn hear(&mut self, shared: &Shared, reports: &[Report], reply: Reply, terms: &Terms) -> bool {
        let mut again = false;
        let mut views = reports.iter().zip(&reply.views).peekable();
        let seen = self.seen;
        self.with_members(shared, |member, breaker| {
            if let Some((report, view)) =
                views.next_if(|(report, _)| report.name == *breaker.name())
            {
                again |= member.hear(breaker, report, *view, terms);
            } else if seen < reply.version
                && reply.changed.iter().any(|name| **name == **breaker.name())
            {
                member.curious = true;
                again = true;
            }
        });
        self.seen = reply.version;
        self.obey(shared, reply.orders, terms.now);
        again
    }

    /// Calls `f` with every member whose breaker exists, sorted by name. New breakers of
    /// registries join.
    fn with_members(&mut self, shared: &Shared, mut f: impl FnMut(&mut Member, &Breaker)) {
        let mut of_registries = BTreeMap::new();
        for (registry, pattern, _) in &self.registries {
            for breaker in registry.matching(pattern) {
                of_registries.entry(breaker.name().clone()).or_insert(breaker);
            }
        }
        self.members
            .retain(|name, joined| joined.breaker.is_some() || of_registries.contains_key(name));
        for (name, breaker) in &of_registries {
            let joined = self.members.entry(name.clone()).or_insert_with(|| {
                let member = Member::new(shared.link.clone());
                Joined { member, breaker: None }
            });
            // Not if it has joined before.
            if breaker.join_fleet(joined.member.leases.clone()) {
                joined.member.begin_anew();
            }
        }
        for (name, joined) in &mut self.members {
            if let Some(breaker) = joined.breaker.as_ref().or_else(|| of_registries.get(name)) {
                f(&mut joined.member, breaker);
            }
        }
    }

    fn order_for(&self, name: &str) -> Option<&StoredOrder> {
        let matching =
            self.orders.iter().filter(|stored| WildMatch::new(&stored.order.pattern).matches(name));
        matching.max_by_key(|stored| stored.version)
    }

    fn obey(&mut self, shared: &Shared, mut orders: Vec<StoredOrder>, asked: u32) {
        orders.sort_by_key(|stored| stored.version);
        self.order_registries(&orders);
        self.orders = orders;
        self.ordered_at = asked;
        self.carry_out(shared);
    }

    /// Tells registries the modes, for breakers that are built later.
    fn order_registries(&self, orders: &[StoredOrder]) {
        let modes = |orders: &[StoredOrder]| {
            let mode = |stored: &StoredOrder| match stored.order.action {
                Action::Mode(mode) if mode != Mode::Closed => Some(mode),
                _ => None,
            };
            let modes = orders.iter().map(|it| (it.order.pattern.clone(), it.version, mode(it)));
            modes.collect::<Vec<_>>()
        };
        let (before, now) = (modes(&self.orders), modes(orders));
        if before == now {
            return;
        }
        let set = |pattern: &str, mode| {
            for (registry, _, _) in &self.registries {
                // It is as short as a pattern may be.
                let _: Result<(), BuildError> = registry.set_mode(pattern, mode);
            }
        };
        for (pattern, ..) in &before {
            if !now.iter().any(|(other, ..)| other == pattern) {
                set(pattern, None);
            }
        }
        for (pattern, version, mode) in &now {
            let is_new = !before.iter().any(|(_, other, _)| other == version);
            if is_new && (mode.is_some() || before.iter().any(|(other, ..)| other == pattern)) {
                set(pattern, *mode);
            }
        }
    }

    fn carry_out(&mut self, shared: &Shared) {
        let orders = std::mem::take(&mut self.orders);
        let globs: Vec<_> =
            orders.iter().map(|stored| (WildMatch::new(&stored.order.pattern), stored)).collect();
        self.with_members(shared, |member, breaker| {
            // They are sorted by version.
            let order = globs.iter().rev().find(|(glob, _)| glob.matches(breaker.name()));
            member.obey(breaker, order.map(|(_, stored)| *stored));
        });
        self.orders = orders;
    }

    /// Ends orders whose time is over, also while the store cannot be reached.
    fn end_orders(&mut self, shared: &Shared) {
        let passed = Duration::from_millis(shared.link.now().wrapping_sub(self.ordered_at).into());
        let holds = |stored: &StoredOrder| stored.order.lasts.is_none_or(|left| left > passed);
        if !self.orders.iter().all(holds) {
            let left: Vec<_> = self.orders.iter().filter(|stored| holds(stored)).cloned().collect();
            self.order_registries(&left);
            self.orders = left;
            self.carry_out(shared);
        }
    }

    fn be_curious(&mut self) {
        self.members
            .values_mut()
            .for_each(|joined| joined.member.curious |= joined.member.is_active());
    }
}

/// The identity of this process.
fn instance(identity: &str, process: u32) -> String {
    let random = RandomState::new().hash_one(process);
    let begins: String = identity.chars().take(64).collect();
    format!("{begins}:{process}:{random:016x}")
}

fn draw(identity: &str, turn: u64) -> u32 {
    // FNV-1a: any hash that is the same everywhere would do.
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let bytes = identity.bytes().chain(turn.to_le_bytes());
    (bytes.fold(0xcbf2_9ce4_8422_2325, hash) >> 32) as u32
}

/// The fleet's clock for the breaker of its connection.
struct SharedClock(Arc<dyn Clock + Send + Sync>);

impl Clock for SharedClock {
    fn now(&self) -> u32 {
        self.0.now()
    }
}
