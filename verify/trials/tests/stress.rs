//! Hammers breakers with every core of the host: `cargo xtask stress`, which takes seconds
//! because it optimizes.

use std::panic;
use std::process;
use std::sync::OnceLock;
use std::thread;

use microbreaker_trials::stress::{MOST_WORKERS, Stress};

static STRESS: OnceLock<Stress> = OnceLock::new();

#[test]
#[ignore = "takes long without optimization"]
fn invariants_hold_on_every_core() {
    // Otherwise the other workers would wait forever for one that panicked.
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        report(info);
        process::abort();
    }));
    let cores = thread::available_parallelism().map_or(2, usize::from) as u32;
    let workers = cores.clamp(2, MOST_WORKERS);
    let stress = STRESS.get_or_init(|| Stress::new(workers, std::hint::spin_loop));
    thread::scope(|scope| {
        (0..workers).for_each(|worker| _ = scope.spawn(move || stress.work(worker)));
    });
    let report = stress.report();
    println!("{workers} threads: {report:?}");
    assert!(report.lost > 0, "the threads did not run in parallel: {report:?}");
}
