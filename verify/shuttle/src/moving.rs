//! Breakers whose time-based window reads a clock that moves, and that each thread may read
//! late; and a record of what happens to them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use microbreaker::clock::STEP_BACK;
use microbreaker::{
    Breaker, Cause, Clock, Config, Observer, Outcome, Phase, Transition,
    window::{Kind, Window},
};
use shuttle::rand::{Rng, thread_rng};
use shuttle::{current, thread};

use crate::bounds::{Buckets, Call, Log, Sight, Span};

/// One turn of the clock.
pub const TURN: u64 = 1 << 32;
/// The upper bits of a tick, which are in another word than the rest, count these.
pub const BLOCK: u64 = 1 << 23;
/// By how much a thread may read the clock late.
pub const LATEST: u64 = STEP_BACK as u64;
const THRESHOLD: u32 = 2;
/// More calls than a history has.
const MORE_CALLS: u32 = 100;

#[derive(Clone, Copy, Debug)]
pub enum Operation {
    /// A call that takes so many ticks by its own account: it is slow if it takes any.
    Call(Outcome, u32),
    Look,
    Trip,
    Reset,
    /// Advances the clock.
    Wait(u64),
}

/// A breaker that trips at two failures in its window, and at no number of slow calls.
pub struct Trial<W: Window> {
    breaker: Arc<Breaker<W, Shared, Shared>>,
}

impl<W: Window + Send + Sync + 'static> Trial<W> {
    /// At tick `start`, with buckets of `bucket` ticks; `window` is given the clock. `late` is
    /// by how much each thread may read the clock late, by the thread's number.
    ///
    /// # Panics
    ///
    /// If the window cannot be so long.
    pub fn new(window: impl FnOnce(Shared) -> W, bucket: u64, start: u64, late: Vec<u64>) -> Self {
        let Kind::Time { buckets, .. } = W::KIND else { panic!("a time-based window") };
        let buckets = Buckets { count: buckets.into(), ticks: bucket, wrap: true };
        let log = Log::new(buckets, THRESHOLD as usize);
        let shared = Shared(Arc::new(Bench {
            now: start.into(),
            times: Mutex::new(vec![start]),
            // A turn after what is in the window, that would count again.
            end: start + TURN - bucket - 2 * BLOCK,
            late,
            steps: AtomicU64::new(0),
            stale: AtomicBool::new(false),
            log: Mutex::new(log),
        }));
        let config = Config::new()
            .failures_in_window(THRESHOLD)
            .bucket(u32::try_from(bucket).expect("a bucket is shorter than a turn"))
            .open_for(1_000);
        let config = if W::SLOW {
            config.slow_rate(100).slow_after(0).min_calls(MORE_CALLS)
        } else {
            config
        };
        let window = window(shared.clone());
        let breaker = Breaker::try_new(config, window, shared.clone(), shared);
        Self { breaker: Arc::new(breaker.expect("a good configuration")) }
    }

    pub fn now(&self) -> u64 {
        self.breaker.observer().0.now.load(Ordering::Relaxed)
    }

    pub fn act(&self, operation: Operation) {
        act(&self.breaker, operation);
    }

    /// Starts a thread for each list, all at once, which performs the operations of the list,
    /// and waits for them.
    pub fn race(&self, lists: impl IntoIterator<Item = Vec<Operation>>) {
        let start = |list: Vec<Operation>| {
            let breaker = self.breaker.clone();
            thread::spawn(move || list.into_iter().for_each(|operation| act(&breaker, operation)))
        };
        let threads: Vec<_> = lists.into_iter().map(start).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    /// Fails if the window ever held what it must not.
    pub fn check(&self) {
        self.breaker.observer().log(|log| log.check());
    }
}

fn act<W: Window>(breaker: &Breaker<W, Shared, Shared>, operation: Operation) {
    let shared = breaker.observer();
    let (began, now) = shared.step();
    let earliest = now - shared.late();
    let span = || {
        let (ended, latest) = shared.step();
        Span { steps: began..=ended, ticks: earliest..=latest }
    };
    match operation {
        Operation::Call(outcome, took) => {
            let Ok(permit) = breaker.try_acquire() else { return };
            let token = permit.into_token();
            breaker.resume(token).took(took).finish(outcome);
            // The breaker reports just before it returns, so no other report came in between.
            let stale = shared.0.stale.load(Ordering::Relaxed);
            let (generation, failed) = (token.generation(), outcome == Outcome::Failure);
            let slow = W::SLOW && took > 0;
            let call = Call { generation, failed, slow, stale, span: span() };
            // A window of failures does not count the others.
            if failed || matches!(W::KIND, Kind::Time { calls: true, .. }) {
                shared.log(|log| log.calls.push(call));
            }
        }
        Operation::Look => {
            let seen = breaker.snapshot();
            let (generation, tally) = (seen.generation, seen.tally);
            if seen.phase == Phase::Closed {
                let sight = Sight { generation, tally, span: span() };
                shared.log(|log| log.sights.push(sight));
            }
        }
        Operation::Trip => breaker.trip(),
        Operation::Reset => breaker.reset(),
        Operation::Wait(ticks) => shared.wait(ticks),
    }
}

/// What all threads share, apart from the breaker. shuttle does not see it.
struct Bench {
    /// The clock that is furthest ahead. It does not wrap.
    now: AtomicU64,
    /// Where it has stood.
    times: Mutex<Vec<u64>>,
    /// Where it stops.
    end: u64,
    late: Vec<u64>,
    steps: AtomicU64,
    /// Whether the last reported outcome was stale.
    stale: AtomicBool,
    log: Mutex<Log>,
}

/// The clock and the observer of a breaker.
#[derive(Clone)]
pub struct Shared(Arc<Bench>);

impl Shared {
    /// The next step, and the clock that is furthest ahead.
    fn step(&self) -> (u64, u64) {
        (self.0.steps.fetch_add(1, Ordering::Relaxed), self.0.now.load(Ordering::Relaxed))
    }

    fn read(&self) -> u64 {
        let late = if thread_rng().gen_bool(0.5) { self.late() } else { 0 };
        self.0.now.load(Ordering::Relaxed) - late
    }

    fn late(&self) -> u64 {
        self.0.late.get(usize::from(current::me())).copied().unwrap_or(0)
    }

    /// Advances the clock, but never so that a thread may read the lower bits of an earlier
    /// tick again: for one that slept exactly that long, it would be that tick.
    fn wait(&self, ticks: u64) {
        let mut times = self.0.times.lock().unwrap();
        let mut now = (self.0.now.load(Ordering::Relaxed) + ticks).min(self.0.end);
        let late = || [0].iter().chain(&self.0.late);
        let repeats =
            |now: u64, then: u64| now > then + BLOCK / 2 && (now - then).is_multiple_of(BLOCK);
        let read = |now: u64, then: u64| {
            late().any(|mine| late().any(|other| repeats(now - mine, then - other)))
        };
        while times.iter().any(|then| read(now, *then)) {
            now += 1;
        }
        times.push(now);
        self.0.now.store(now, Ordering::Relaxed);
    }

    fn log(&self, entry: impl FnOnce(&mut Log)) {
        entry(&mut self.0.log.lock().unwrap());
    }
}

/// Sometimes late, sometimes not.
impl Clock for Shared {
    fn now(&self) -> u32 {
        self.read() as u32
    }

    fn now_64(&self) -> Option<u64> {
        self.log(|log| log.buckets.wrap = false);
        Some(self.read())
    }
}

impl Observer for Shared {
    fn transition(&self, transition: &Transition) {
        if transition.cause == Cause::FailuresInWindow {
            self.log(|log| log.trips.push(transition.generation.wrapping_sub(1)));
        }
    }

    fn outcome(&self, _: Outcome, stale: bool) {
        self.0.stale.store(stale, Ordering::Relaxed);
    }
}
