//! Random histories: two to four threads each perform up to four operations, two or three
//! times over. For each history there must be an order in which the model gives the same
//! answers. `microbreaker_model::linear` says what is deliberately weaker.
#![cfg(shuttle)]

use microbreaker::{
    AfterProbeTimeout, Command, CountWindow, FailureWindow, Leak, LeakyBucket, Outcome,
    ShortWindow, TimeWindow, window::Window,
};
use microbreaker_model::Window as Kind;
use microbreaker_model::concurrent::Operation;
use microbreaker_model::{Abandoned, Backoff, ProbeTimeout, Ramp, Ratio, Settings};
use microbreaker_shuttle::{Trial, run_random, schedules};
use shuttle::rand::Rng;

const OPEN_FOR: u32 = 10;
const TIMEOUT: u32 = 20;

/// What threads do; the more often an operation is listed, the more often they do it.
const OPERATIONS: [Operation; 23] = [
    Operation::Acquire,
    Operation::Acquire,
    Operation::Acquire,
    Operation::Acquire,
    Operation::Acquire,
    Operation::Finish(Outcome::Success),
    Operation::Finish(Outcome::Success),
    Operation::Finish(Outcome::Success),
    Operation::Finish(Outcome::Failure),
    Operation::Finish(Outcome::Failure),
    Operation::Finish(Outcome::Failure),
    Operation::Finish(Outcome::Failure),
    Operation::Finish(Outcome::WeightedFailure(2)),
    Operation::Finish(Outcome::FailureOpenFor(7)),
    Operation::Cancel,
    Operation::Snapshot,
    Operation::Snapshot,
    Operation::Manual(Command::Trip),
    Operation::Manual(Command::TripFor(30)),
    Operation::Manual(Command::HalfOpen),
    Operation::Manual(Command::Reset),
    Operation::Manual(Command::ForceOpen),
    Operation::Manual(Command::Disable),
];

fn settings() -> Settings {
    Settings {
        open_for: OPEN_FOR,
        probe_timeout: ProbeTimeout::Ticks(TIMEOUT),
        ..Settings::default()
    }
}

fn check<W: Window + Send + Sync + 'static>(settings: Settings, window: fn() -> W) {
    run_random(schedules(), 3, move || history(&settings, window()));
}

fn history<W: Window + Send + Sync + 'static>(settings: &Settings, window: W) {
    let mut random = shuttle::rand::thread_rng();
    let mut trial = Trial::new(settings, window);
    let threads = random.gen_range(2..=4);
    for _ in 0..random.gen_range(2..=3) {
        let list = |_| {
            let count = random.gen_range(1..=4);
            (0..count).map(|_| OPERATIONS[random.gen_range(0..OPERATIONS.len())]).collect()
        };
        let lists: Vec<Vec<Operation>> = (0..threads).map(list).collect();
        trial.race(lists);
        trial.act(Operation::Snapshot);
        let waits = [1, OPEN_FOR - 1, OPEN_FOR, TIMEOUT, OPEN_FOR + TIMEOUT];
        trial.act(Operation::Advance(waits[random.gen_range(0..waits.len())]));
        trial.act(Operation::Snapshot);
    }
    // Shows whatever was left behind.
    trial.act(Operation::Acquire);
    trial.act(Operation::Finish(Outcome::Failure));
    trial.act(Operation::Snapshot);
    trial.check();
}

#[test]
fn failures_in_a_row_with_backoff() {
    let backoff = Some(Backoff { factor: Ratio::times(2), max: 40 });
    check(Settings { consecutive_failures: Some(2), probes: 2, backoff, ..settings() }, || ());
}

#[test]
fn probes_of_which_some_may_fail_and_a_ramp() {
    let ramp = Some(Ramp { shares: vec![50, 70], step: OPEN_FOR });
    let settings = Settings {
        consecutive_failures: Some(1),
        probes: 3,
        successes: Some(2),
        ramp,
        ..settings()
    };
    check(settings, || ());
}

#[test]
fn reused_probe_places_and_fresh_probes_after_the_timeout() {
    let settings = Settings {
        consecutive_failures: Some(1),
        reuse_probes_until: Some(2),
        after_probe_timeout: AfterProbeTimeout::FreshProbes,
        abandoned: Abandoned::Failed,
        ..settings()
    };
    check(settings, || ());
}

#[test]
fn a_leaky_bucket() {
    let settings = Settings { leaky_bucket: Some(Leak::new(3, 1, 6)), ..settings() };
    check(settings, || LeakyBucket::new(()));
}

#[test]
fn failures_in_the_last_three() {
    let settings = Settings {
        window: Kind::Count(3),
        failures_in_window: Some(2),
        after_probe_timeout: AfterProbeTimeout::Close,
        ..settings()
    };
    check(settings, CountWindow::<5, 1>::new);
}

#[test]
fn failures_in_the_last_three_in_one_word() {
    let window = Kind::Count(3);
    let settings = Settings { window, failures_in_window: Some(2), ..settings() };
    check(settings, ShortWindow::new);
}

#[test]
fn a_rate_of_the_last_four_or_failures_in_a_row() {
    let settings = Settings {
        window: Kind::Count(4),
        failure_rate: Some(Ratio::percent(60)),
        min_calls: 2,
        consecutive_failures: Some(3),
        probes: 3,
        probe_rate_after: Some(2),
        ..settings()
    };
    check(settings, CountWindow::<4, 2>::new);
}

#[test]
fn failures_within_a_time_or_in_a_row() {
    let settings = Settings {
        window: Kind::Time { buckets: 2, ticks: OPEN_FOR },
        failures_in_window: Some(3),
        consecutive_failures: Some(2),
        ..settings()
    };
    check(settings, TimeWindow::<2>::new);
}

#[test]
fn failures_only_within_a_time() {
    let settings = Settings {
        window: Kind::Failures { buckets: 2, ticks: OPEN_FOR },
        failures_in_window: Some(2),
        ..settings()
    };
    check(settings, FailureWindow::<2>::new);
}
