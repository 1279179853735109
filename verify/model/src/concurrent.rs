//! What several threads do to one breaker at once, and the answers that they get.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use microbreaker::{
    Breaker, Clock, Command, Observer, Outcome, Phase, Status, Tally, Token, window::Window,
};

use crate::lockstep::refusal;
use crate::model::{Effect, Refusal, Transition};
use crate::settings::Settings;

/// One operation of a thread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operation {
    Acquire,
    /// Ends the thread's oldest call in progress; does nothing if there is none.
    Finish(Outcome),
    /// Drops the permit of that call instead.
    Cancel,
    Snapshot,
    Manual(Command),
    /// Advances the clock, while no other thread runs.
    Advance(u32),
}

/// The answer to an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    Admitted,
    Refused(Refusal),
    Ended(Effect),
    Seen(Seen),
    Commanded(Result<(), Phase>),
    Done,
}

/// The parts of a snapshot that can be predicted exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    pub phase: Phase,
    pub generation: u8,
    pub in_phase_for: u64,
    pub retry_after: Option<u64>,
    /// The window's tally, but only while closed: an outcome may still enter the window of
    /// a tenure that is over, and then readers need not agree on the tally.
    pub tally: Option<Tally>,
    pub consecutive_failures: u32,
    pub backoff_level: u32,
}

/// One completed operation.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub operation: Operation,
    pub answer: Answer,
    /// When it began and ended, by a counter that all threads share.
    pub began: u64,
    pub ended: u64,
}

/// A breaker's clock and observer. The model checker's scheduler does not see either, so
/// sharing them orders nothing between the threads.
#[derive(Clone, Debug, Default)]
pub struct Bench(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    tick: AtomicU32,
    /// Counts the beginnings and ends of operations.
    steps: AtomicU64,
    transitions: Mutex<Vec<Transition>>,
    /// Whether the last reported outcome was stale.
    stale: Mutex<bool>,
}

/// A breaker on a bench.
pub type Subject<W> = Breaker<W, Bench, Bench>;

impl Bench {
    /// A bench at `tick`, and a breaker on it.
    ///
    /// # Panics
    ///
    /// If the settings are rejected.
    pub fn with<W: Window>(settings: &Settings, window: W, tick: u32) -> (Self, Subject<W>) {
        let bench = Self::default();
        bench.0.tick.store(tick, Ordering::Relaxed);
        let (clock, observer) = (bench.clone(), bench.clone());
        let breaker = Breaker::try_new(settings.config(), window, clock, observer);
        (bench, breaker.expect("good settings"))
    }

    /// The reported transitions, in the order of their generations.
    pub fn transitions(&self) -> Vec<Transition> {
        let mut transitions = lock(&self.0.transitions).clone();
        transitions.sort_by_key(|transition| transition.generation);
        transitions
    }

    fn step(&self) -> u64 {
        self.0.steps.fetch_add(1, Ordering::Relaxed)
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("no thread panics while it holds the lock")
}

impl Clock for Bench {
    fn now(&self) -> u32 {
        self.0.tick.load(Ordering::Relaxed)
    }
}

impl Observer for Bench {
    fn transition(&self, transition: &microbreaker::Transition) {
        let microbreaker::Transition { from, to, cause, generation, tick, .. } = *transition;
        let (generation, tick) = (generation.into(), tick.into());
        lock(&self.0.transitions).push(Transition { from, to, cause, generation, tick });
    }

    fn outcome(&self, _: Outcome, stale: bool) {
        *lock(&self.0.stale) = stale;
    }
}

/// What one thread has done, and its calls in progress.
#[derive(Debug, Default)]
pub struct Thread {
    pub entries: Vec<Entry>,
    held: VecDeque<Token>,
}

impl Thread {
    pub fn act<W: Window>(&mut self, breaker: &Subject<W>, operation: Operation) {
        let bench = breaker.observer();
        let began = bench.step();
        let answer = self.answer(breaker, operation);
        self.entries.push(Entry { operation, answer, began, ended: bench.step() });
    }

    fn answer<W: Window>(&mut self, breaker: &Subject<W>, operation: Operation) -> Answer {
        let bench = &breaker.observer().0;
        // The breaker reports just before it returns, so no other report came in between.
        let ended = || if *lock(&bench.stale) { Effect::Stale } else { Effect::Booked };
        match operation {
            Operation::Acquire => match breaker.try_acquire() {
                Ok(permit) => {
                    self.held.push_back(permit.into_token());
                    Answer::Admitted
                }
                Err(rejected) => Answer::Refused(refusal(rejected)),
            },
            Operation::Finish(outcome) => self.held.pop_front().map_or(Answer::Done, |token| {
                breaker.resume(token).finish(outcome);
                Answer::Ended(ended())
            }),
            Operation::Cancel => self.held.pop_front().map_or(Answer::Done, |token| {
                drop(breaker.resume(token));
                Answer::Ended(ended())
            }),
            Operation::Snapshot => Answer::Seen(see(breaker.snapshot())),
            Operation::Advance(ticks) => {
                bench.tick.fetch_add(ticks, Ordering::Relaxed);
                Answer::Done
            }
            Operation::Manual(command) => {
                Answer::Commanded(breaker.command(command).map_err(|refused| refused.from))
            }
        }
    }
}

fn see(snapshot: microbreaker::Snapshot) -> Seen {
    let closed = snapshot.phase == Phase::Closed;
    Seen {
        phase: snapshot.phase,
        generation: snapshot.generation,
        in_phase_for: snapshot.in_phase_for.into(),
        retry_after: snapshot.retry_after.map(Into::into),
        tally: closed.then_some(snapshot.tally),
        consecutive_failures: snapshot.consecutive_failures,
        backoff_level: snapshot.backoff_level,
    }
}
