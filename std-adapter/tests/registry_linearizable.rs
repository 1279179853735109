//! Threads use one name of a registry at the same time. Whatever they are told must be what
//! a registry tells that does one thing after the other, in some order in which nothing that
//! ended comes after what began later.
#![cfg(feature = "registry")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use microbreaker_std::settings::Mode;
use microbreaker_std::{Breaker, Builder, Phase, Registry, Settings};

const NAME: &str = "users";
const THREADS: usize = 3;
const STEPS: usize = 3;

/// What a thread does, and is told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Get,
    Insert { failures: u32, done: bool },
    Remove { done: bool },
    Override { failures: u32, reloaded: usize },
    Settings { failures: Option<u32> },
    SetMode { mode: Option<Mode> },
    Command { phase: Phase, done: bool },
    Phase { phase: Option<Phase> },
    Evict { evicted: usize },
}

/// A registry that does one thing after the other. Only one name is asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Model {
    /// The breaker, if there is one.
    phase: Option<Phase>,
    inserted: Option<u32>,
    overridden: Option<u32>,
    ordered: Option<Mode>,
}

/// The failures at which the template trips.
const TEMPLATE: u32 = 3;

impl Model {
    fn begins(&self) -> Phase {
        match self.ordered.unwrap_or_default() {
            Mode::Closed => Phase::Closed,
            Mode::MetricsOnly => Phase::MetricsOnly,
            Mode::Disabled => Phase::Disabled,
            Mode::ForcedOpen => Phase::ForcedOpen,
        }
    }

    /// The registry after `step`, if it tells what the thread was told.
    fn after(mut self, step: Step) -> Option<Self> {
        let told = match step {
            Step::Get => {
                self.phase = self.phase.or(Some(self.begins()));
                step
            }
            Step::Insert { failures, .. } => {
                let done = self.phase.is_none();
                if done {
                    self = Self { phase: Some(self.begins()), inserted: Some(failures), ..self };
                }
                Step::Insert { failures, done }
            }
            Step::Remove { .. } => Step::Remove { done: self.phase.take().is_some() },
            Step::Override { failures, .. } => {
                self.overridden = Some(failures);
                Step::Override { failures, reloaded: self.phase.iter().count() }
            }
            Step::Settings { .. } => {
                let failures = self.overridden.or(self.inserted).unwrap_or(TEMPLATE);
                Step::Settings { failures: self.phase.map(|_| failures) }
            }
            Step::SetMode { mode } => {
                self.ordered = mode;
                self.phase = self.phase.map(|_| self.begins());
                step
            }
            Step::Command { phase, .. } => {
                let done = self.phase.is_some();
                self.phase = self.phase.map(|_| phase);
                Step::Command { phase, done }
            }
            Step::Phase { .. } => Step::Phase { phase: self.phase },
            // A breaker that somebody holds for a moment is not evicted.
            Step::Evict { evicted: 0 } => step,
            Step::Evict { .. } => {
                let phase = self.phase.take();
                Step::Evict { evicted: usize::from(phase == Some(self.begins())) }
            }
        };
        (told == step).then_some(self)
    }
}

/// A step, when it began, and when it ended.
type Recorded = (Step, usize, usize);

/// Whether the model can take all steps in an order that keeps to the times.
fn is_linearizable(model: Model, left: &[Recorded]) -> bool {
    let first_end = left.iter().map(|(_, _, end)| *end).min();
    left.is_empty()
        || (0..left.len()).filter(|&i| Some(left[i].1) <= first_end).any(|i| {
            let mut others = left.to_vec();
            let (step, ..) = others.remove(i);
            model.after(step).is_some_and(|after| is_linearizable(after, &others))
        })
}

fn builder(name: &str, failures: u32) -> Builder {
    Breaker::builder(name).consecutive_failures(failures).open_for(Duration::from_secs(30))
}

/// Takes `step`, and returns what it was told.
fn take(registry: &Registry, step: Step) -> Step {
    match step {
        Step::Get => {
            drop(registry.get(NAME));
            step
        }
        Step::Insert { failures, .. } => {
            Step::Insert { failures, done: registry.insert(builder(NAME, failures)).is_ok() }
        }
        Step::Remove { .. } => Step::Remove { done: registry.remove(NAME).is_some() },
        Step::Override { failures, .. } => {
            let settings = Settings { consecutive_failures: Some(failures), ..Settings::default() };
            let reloaded = registry.override_settings(NAME, settings).unwrap().len();
            Step::Override { failures, reloaded }
        }
        Step::Settings { .. } => {
            let failures = registry.find(NAME).map(|it| it.settings().consecutive_failures);
            Step::Settings { failures: failures.flatten() }
        }
        Step::SetMode { mode } => {
            registry.set_mode("u*", mode).unwrap();
            step
        }
        Step::Command { phase, .. } => {
            let breaker = registry.find(NAME);
            let command = match phase {
                Phase::Closed => Breaker::reset,
                Phase::ForcedOpen => Breaker::force_open,
                _ => Breaker::disable,
            };
            breaker.iter().for_each(command);
            Step::Command { phase, done: breaker.is_some() }
        }
        Step::Phase { .. } => Step::Phase { phase: registry.find(NAME).map(|it| it.phase()) },
        Step::Evict { .. } => Step::Evict { evicted: registry.evict_idle(Duration::ZERO) },
    }
}

/// A reproducible sequence that looks random.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % bound
    }
}

/// Lets threads take steps of those that `choose` returns, in many rounds.
fn all_rounds_are_linearizable(choose: fn(&mut Random) -> Step) {
    let mut random = Random(7);
    for round in 0..3_000 {
        let registry = Registry::new(builder("template", TEMPLATE)).unwrap();
        let (start, time) = (Barrier::new(THREADS), AtomicUsize::new(0));
        let record = |step| {
            let began = time.fetch_add(1, Ordering::SeqCst);
            let told = take(&registry, step);
            (told, began, time.fetch_add(1, Ordering::SeqCst))
        };
        let mut steps: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    let steps: Vec<_> = (0..STEPS).map(|_| choose(&mut random)).collect();
                    let (start, record) = (&start, &record);
                    scope.spawn(move || {
                        start.wait();
                        steps.into_iter().map(record).collect::<Vec<_>>()
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        // What is left in the end.
        for step in [Step::Get, Step::Settings { failures: None }, Step::Phase { phase: None }] {
            steps.push(record(step));
        }
        assert!(is_linearizable(Model::default(), &steps), "round {round}: {steps:?}");
    }
}

#[test]
fn inserting_overriding_and_removing_happen_one_after_the_other() {
    all_rounds_are_linearizable(|random| {
        let failures = 10 + random.below(90) as u32;
        match random.below(5) {
            0 => Step::Insert { failures, done: true },
            1 => Step::Remove { done: true },
            2 => Step::Override { failures, reloaded: 0 },
            3 => Step::Get,
            _ => Step::Settings { failures: None },
        }
    });
}

const MODES: [Option<Mode>; 4] =
    [None, Some(Mode::MetricsOnly), Some(Mode::Disabled), Some(Mode::ForcedOpen)];

#[test]
fn a_mode_reaches_the_breaker_that_there_is_and_the_next_one_alike() {
    all_rounds_are_linearizable(|random| match random.below(8) {
        0 => Step::Get,
        1 => Step::Remove { done: true },
        2 => Step::Phase { phase: None },
        _ => Step::SetMode { mode: MODES[random.below(4)] },
    });
}

#[test]
fn modes_commands_and_evictions_happen_one_after_the_other() {
    const PHASES: [Phase; 3] = [Phase::Closed, Phase::ForcedOpen, Phase::Disabled];
    all_rounds_are_linearizable(|random| match random.below(7) {
        0 => Step::SetMode { mode: MODES[random.below(4)] },
        1 | 2 => Step::Command { phase: PHASES[random.below(3)], done: true },
        3 => Step::Phase { phase: None },
        4 | 5 => Step::Get,
        _ => Step::Evict { evicted: 0 },
    });
}

/// Or nothing above were shown.
#[test]
fn what_no_order_explains_is_found() {
    let insert = |failures, began, ended| (Step::Insert { failures, done: true }, began, ended);
    assert!(!is_linearizable(Model::default(), &[insert(1, 0, 3), insert(2, 1, 2)]));
    let settings = (Step::Settings { failures: None }, 4, 5);
    assert!(!is_linearizable(Model::default(), &[insert(1, 0, 3), settings]), "it came later");
    assert!(is_linearizable(Model::default(), &[insert(1, 0, 6), settings]));
}
