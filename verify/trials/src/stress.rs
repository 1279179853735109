//! Parallel workers, each a thread or a hart, hammer breakers.
//!
//! They wait for each other before and after each round. During a round, each worker makes
//! calls and gives commands at random, from its own random numbers. Then, while the others
//! wait, the first worker checks what must hold whatever order things happened in.

mod barrier;
mod log;
mod mixed;
mod opening;
mod random;
mod window;

use core::sync::atomic::{AtomicU32, Ordering};

use microbreaker::{Clock, Counters};

use barrier::Barrier;
use log::Log;
use mixed::Mixed;
use opening::Opening;
use random::Random;
use window::Window;

/// The most workers there can be.
pub const MOST_WORKERS: u32 = 32;

/// How many rounds of each kind: enough for two workers to make over a million calls each.
const ROUNDS: u32 = 1_600;

/// What the workers share. There can be only one at a time, because its clock is a static.
pub struct Stress {
    barrier: Barrier,
    window: Window,
    opening: Opening,
    mixed: Mixed,
    count: Count,
}

/// The result of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Calls that all workers together made or tried to make.
    pub calls: u32,
    /// Transitions of all breakers.
    pub transitions: u32,
    /// Updates that a non-atomic counter lost. Zero means that the workers did not run in
    /// parallel.
    pub lost: u32,
}

/// What the workers do between two checks.
trait Round {
    /// Runs on the first worker.
    fn prepare(&self);
    /// Runs on each worker; `number` is that of the round.
    fn work(&'static self, worker: u32, number: u32, random: &mut Random, count: &Count);
    /// Runs on the first worker.
    fn check(&self, number: u32);
}

impl Stress {
    /// A test for 2 to [`MOST_WORKERS`] workers, which call `pause` while they wait.
    ///
    /// # Panics
    ///
    /// With any other number of workers.
    #[must_use]
    pub const fn new(workers: u32, pause: fn()) -> Self {
        assert!(workers >= 2 && workers <= MOST_WORKERS, "2 to 32 workers");
        Self {
            barrier: Barrier::new(workers, pause),
            window: Window::new(workers),
            opening: Opening::new(),
            mixed: Mixed::new(workers),
            count: Count::new(),
        }
    }

    /// Does the work of one worker; workers are numbered from 0.
    ///
    /// # Panics
    ///
    /// If a check fails.
    pub fn work(&'static self, worker: u32) {
        let mut random = Random::new(worker);
        for number in 0..ROUNDS {
            self.round(&self.window, worker, number, &mut random);
            self.round(&self.opening, worker, number, &mut random);
            self.round(&self.mixed, worker, number, &mut random);
        }
        self.barrier.wait();
    }

    fn round(&self, round: &'static impl Round, worker: u32, number: u32, random: &mut Random) {
        if worker == 0 {
            round.prepare();
        }
        self.barrier.wait();
        round.work(worker, number, random, &self.count);
        self.barrier.wait();
        if worker == 0 {
            round.check(number);
        }
    }

    /// The result, once all workers are done.
    #[must_use]
    pub fn report(&self) -> Report {
        let counters = [self.window.counters(), self.opening.counters(), self.mixed.counters()];
        let transitions = counters.map(|counters| counters.counts().transitions).iter().sum();
        let calls = self.count.atomic.load(Ordering::Relaxed);
        Report { calls, transitions, lost: calls - self.count.torn.load(Ordering::Relaxed) }
    }
}

/// Counts the same calls twice: with an atomic counter and with a non-atomic one.
struct Count {
    atomic: AtomicU32,
    torn: AtomicU32,
}

impl Count {
    const fn new() -> Self {
        Self { atomic: AtomicU32::new(0), torn: AtomicU32::new(0) }
    }

    fn one(&self) {
        self.atomic.fetch_add(1, Ordering::Relaxed);
        self.torn.store(self.torn.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

type Observers = (Counters, Log);

/// The clock of all breakers in these tests.
struct Ticks;

static TICKS: AtomicU32 = AtomicU32::new(0);

impl Ticks {
    fn advance(ticks: u32) {
        TICKS.fetch_add(ticks, Ordering::Relaxed);
    }
}

impl Clock for Ticks {
    fn now(&self) -> u32 {
        TICKS.load(Ordering::Relaxed)
    }
}
