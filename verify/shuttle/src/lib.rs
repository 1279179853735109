//! Runs threads that share a breaker in random and chosen schedules, and checks each run
//! against the model. Everything here needs `--cfg shuttle`.
//!
//! shuttle switches threads only before an atomic access, and every access sees the newest
//! value. What other values a load may see is left to loom.
#![cfg(shuttle)]

mod bounds;
pub mod moving;
mod switches;

pub use switches::Switches;

use std::sync::Arc;

use microbreaker::window::Window;
use microbreaker_model::Settings;
use microbreaker_model::concurrent::{Bench, Operation, Subject, Thread};
use microbreaker_model::linear::explain;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};

/// The tick at which a breaker begins: far from 0.
pub const START: u32 = 1_000;

/// How many schedules each test runs, unless `SCHEDULES` says otherwise.
const SCHEDULES: usize = 2_000;

pub fn schedules() -> usize {
    let schedules = std::env::var("SCHEDULES").ok();
    schedules.map_or(SCHEDULES, |count| count.parse().expect("SCHEDULES is a number"))
}

/// Runs `history` in so many `schedules`. Half of them are random at every step; in the other
/// half threads have priorities, of which a few change: one less than `depth`.
pub fn run_random(schedules: usize, depth: usize, history: impl Fn() + Send + Sync + 'static) {
    let (half, history) = (schedules.div_ceil(2), Arc::new(history));
    let again = history.clone();
    run(RandomScheduler::new(half), move || history());
    run(PctScheduler::new(depth, half), move || again());
}

/// Runs `f` in the schedules of `scheduler`, and returns how many there were.
pub fn run(scheduler: impl Scheduler + 'static, f: impl Fn() + Send + Sync + 'static) -> usize {
    let mut config = shuttle::Config::new();
    config.silence_warnings = true;
    // The search for an order is deeply recursive.
    config.stack_size = 1 << 20;
    shuttle::Runner::new(scheduler, config).run(f)
}

/// A breaker, and a record of what happens to it.
pub struct Trial<W: Window> {
    settings: Settings,
    bench: Bench,
    breaker: Arc<Subject<W>>,
    /// The thread that starts the others and waits for them.
    main: Thread,
    /// The threads of the races so far.
    done: Vec<Thread>,
}

impl<W: Window + Send + Sync + 'static> Trial<W> {
    pub fn new(settings: &Settings, window: W) -> Self {
        let (bench, breaker) = Bench::with(settings, window, START);
        let (main, done) = (Thread::default(), Vec::new());
        Self { settings: settings.clone(), bench, breaker: Arc::new(breaker), main, done }
    }

    /// Performs an operation while no other thread runs.
    pub fn act(&mut self, operation: Operation) {
        self.main.act(&self.breaker, operation);
    }

    /// Starts a thread for each list, all at once, which performs the operations of the
    /// list. Each inherits the calls in progress of the thread with the same place in the
    /// previous race.
    pub fn race(&mut self, lists: impl IntoIterator<Item = Vec<Operation>>) {
        let mut earlier = std::mem::take(&mut self.done).into_iter();
        let start = |list: Vec<Operation>| {
            let mut thread = earlier.next().unwrap_or_default();
            let breaker = Arc::clone(&self.breaker);
            shuttle::thread::spawn(move || {
                for operation in list {
                    thread.act(&breaker, operation);
                }
                thread
            })
        };
        let running: Vec<_> = lists.into_iter().map(start).collect();
        self.done = running.into_iter().map(|thread| thread.join().unwrap()).collect();
        self.done.extend(earlier);
    }

    /// Fails unless the model explains everything that happened.
    pub fn check(self) {
        let threads = [self.main].into_iter().chain(self.done);
        let threads: Vec<_> = threads.map(|thread| thread.entries).collect();
        let reported = self.bench.transitions();
        explain(&self.settings, START, &threads, &reported).unwrap_or_else(|why| panic!("{why}"));
    }
}
