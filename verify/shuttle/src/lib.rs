//! Random and chosen schedules of threads that use one breaker, each checked
//! against the model. Everything here is for `--cfg shuttle` only.
//!
//! shuttle changes threads before an atomic access and nowhere else, and every
//! access sees the newest value. What loads may see beside that is loom's part.
#![cfg(shuttle)]

mod switches;

pub use switches::Switches;

use std::sync::Arc;

use microbreaker::window::Window;
use microbreaker_model::Settings;
use microbreaker_model::concurrent::{Bench, Operation, Subject, Thread};
use microbreaker_model::linear::explain;
use shuttle::scheduler::Scheduler;

/// Far from 0, the tick at which a breaker begins.
pub const START: u32 = 1_000;

/// How many schedules each test tries, unless `SCHEDULES` says otherwise.
const SCHEDULES: usize = 2_000;

pub fn schedules() -> usize {
    let schedules = std::env::var("SCHEDULES").ok();
    schedules.map_or(SCHEDULES, |count| count.parse().expect("SCHEDULES is a number"))
}

/// Tries `f` in the schedules of `scheduler`. How many there were.
pub fn run(scheduler: impl Scheduler + 'static, f: impl Fn() + Send + Sync + 'static) -> usize {
    let mut config = shuttle::Config::new();
    config.silence_warnings = true;
    // The search for an order goes deep.
    config.stack_size = 1 << 20;
    shuttle::Runner::new(scheduler, config).run(f)
}

/// A breaker, and what happens to it.
pub struct Trial<W: Window> {
    settings: Settings,
    bench: Bench,
    breaker: Arc<Subject<W>>,
    /// The one that waits for the others.
    main: Thread,
    done: Vec<Thread>,
}

impl<W: Window + Send + Sync + 'static> Trial<W> {
    pub fn new(settings: &Settings, window: W) -> Self {
        let (bench, breaker) = Bench::with(settings, window, START);
        let (main, done) = (Thread::default(), Vec::new());
        Self { settings: settings.clone(), bench, breaker: Arc::new(breaker), main, done }
    }

    /// Does something while nobody else does anything.
    pub fn act(&mut self, operation: Operation) {
        self.main.act(&self.breaker, operation);
    }

    /// Lets a thread for each of the lists do what it says, all at once. The
    /// first have what the first of earlier ones had under way.
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

    /// Fails unless the model explains everything.
    pub fn check(self) {
        let threads = [self.main].into_iter().chain(self.done);
        let threads: Vec<_> = threads.map(|thread| thread.entries).collect();
        let told = self.bench.transitions();
        explain(&self.settings, START, &threads, &told).unwrap_or_else(|why| panic!("{why}"));
    }
}
