//! An interrupt at every step: between two atomic accesses of an operation, an interrupt
//! handler that uses the same breaker runs to its end. The model must explain the answers that
//! both get.
#![cfg(shuttle)]

use microbreaker::{Command, CountWindow, Outcome, ShortWindow, TimeWindow, window::Window};
use microbreaker_model::Window as Kind;
use microbreaker_model::concurrent::Operation;
use microbreaker_model::{ProbeTimeout, Settings};
use microbreaker_shuttle::{Switches, Trial, run};

const OPEN_FOR: u32 = 10;

const OPERATIONS: [Operation; 14] = [
    Operation::Acquire,
    Operation::Finish(Outcome::Success),
    Operation::Finish(Outcome::Failure),
    Operation::Finish(Outcome::FailureOpenFor(7)),
    Operation::Finish(Outcome::Ignored),
    Operation::Cancel,
    Operation::Snapshot,
    Operation::Manual(Command::Trip),
    Operation::Manual(Command::TripFor(30)),
    Operation::Manual(Command::HalfOpen),
    Operation::Manual(Command::Reset),
    Operation::Manual(Command::ForceOpen),
    Operation::Manual(Command::Disable),
    Operation::Manual(Command::MetricsOnly),
];

/// A name, and the operations to perform first.
type Before = (&'static str, &'static [Operation]);

/// The situations. In each, the operation and the handler first acquire a call of their own,
/// which is a probe while half-open.
const BEFORE: [Before; 6] = [
    ("closed", &[]),
    (
        "quiet or failing",
        &[
            Operation::Acquire,
            Operation::Finish(Outcome::Success),
            Operation::Acquire,
            Operation::Finish(Outcome::Success),
            Operation::Acquire,
            Operation::Finish(Outcome::Success),
        ],
    ),
    ("open", &[Operation::Manual(Command::Trip)]),
    ("due", &[Operation::Manual(Command::Trip), Operation::Advance(OPEN_FOR)]),
    ("half-open", &[Operation::Manual(Command::Trip), Operation::Manual(Command::HalfOpen)]),
    (
        "overdue",
        &[
            Operation::Manual(Command::Trip),
            Operation::Manual(Command::HalfOpen),
            Operation::Advance(23),
        ],
    ),
];

/// Interrupts every operation at every step by every other, in every phase.
fn check<W: Window + Send + Sync + 'static>(settings: Settings, window: fn() -> W) {
    let mut executions = 0;
    for (_, before) in BEFORE {
        for operation in OPERATIONS {
            for handler in OPERATIONS {
                let handler = vec![Operation::Acquire, handler];
                executions += interrupt(&settings, window, before, operation, handler);
            }
        }
    }
    eprintln!("{executions} interrupts");
}

fn interrupt<W: Window + Send + Sync + 'static>(
    settings: &Settings,
    window: fn() -> W,
    before: &'static [Operation],
    operation: Operation,
    handler: Vec<Operation>,
) -> usize {
    let settings = settings.clone();
    let executions = run(Switches::new(1), move || {
        let mut trial = Trial::new(&settings, window());
        for operation in before {
            trial.act(*operation);
        }
        trial.race([vec![Operation::Acquire, operation, Operation::Snapshot], handler.clone()]);
        // The handler once more, without an interruption.
        for operation in &handler {
            trial.act(*operation);
        }
        trial.act(Operation::Snapshot);
        trial.act(Operation::Advance(OPEN_FOR));
        trial.act(Operation::Snapshot);
        trial.act(Operation::Acquire);
        trial.act(Operation::Finish(Outcome::Success));
        trial.act(Operation::Snapshot);
        trial.check();
    });
    assert!(executions > 2, "nothing was interrupted");
    executions
}

fn settings() -> Settings {
    Settings {
        open_for: OPEN_FOR,
        probes: 2,
        probe_timeout: ProbeTimeout::Ticks(20),
        ..Settings::default()
    }
}

/// Two failures in `window` trip the breaker.
fn two_failures(window: Kind) -> Settings {
    Settings { window, failures_in_window: Some(2), ..settings() }
}

#[test]
fn failures_in_a_row() {
    check(Settings { consecutive_failures: Some(1), ..settings() }, || ());
}

#[test]
fn failures_in_the_last_two() {
    check(two_failures(Kind::Count(2)), CountWindow::<4, 1>::new);
}

/// The handler's calls go once round the ring, so the word that was looked up before
/// has room in its next lap. The calls are chosen so that they neither trip nor leave
/// the window quiet.
#[test]
fn a_lap_of_the_ring() {
    const WORDS: usize = 4;
    const BITS: u32 = 2;
    let window = Kind::Count(4);
    let settings = Settings { window, failures_in_window: Some(4), ..settings() };
    let outcomes = [Outcome::Failure, Outcome::Failure, Outcome::Success].into_iter().cycle();
    let lap: Vec<_> = outcomes
        .take(WORDS * BITS as usize + 1)
        .flat_map(|outcome| [Operation::Acquire, Operation::Finish(outcome), Operation::Snapshot])
        .collect();
    for outcome in [Outcome::Success, Outcome::Failure] {
        let operation = Operation::Finish(outcome);
        interrupt(&settings, CountWindow::<WORDS, BITS>::new, &[], operation, lap.clone());
    }
}

#[test]
fn failures_in_the_last_two_in_one_word() {
    check(two_failures(Kind::Count(2)), ShortWindow::new);
}

#[test]
fn failures_within_a_time() {
    check(two_failures(Kind::Time { buckets: 2, ticks: OPEN_FOR }), TimeWindow::<2>::new);
}
