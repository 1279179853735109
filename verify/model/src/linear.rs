//! Searches for an order of concurrent operations in which the model gives every answer
//! that the threads got.
//!
//! The search is that of Wing and Gong ("Testing and Verifying Concurrent Objects",
//! 1993), with Lowe's memory of dead ends: apply one of the operations that may come next
//! to the model; if the model gives the same answer, continue from there, otherwise try
//! another.
//!
//! # What is deliberately weaker
//!
//! Every operation takes effect at one moment between its beginning and its end, except
//! for these:
//!
//! - An outcome that enters a window while the breaker is closed takes effect at two
//!   moments: at one it enters the window, at the other it counts towards the failures in
//!   a row and may trip the breaker. Which policy of the window it meets is decided as it
//!   enters. A failure enters first; a success that finds no failures in a row may count
//!   first.
//! - An operation that finds the probes overdue first ends that tenure, and then does its
//!   own work in whatever phase it finds.
//! - A snapshot gives the rest of an opening only if the length of that opening was known
//!   when the snapshot began.

use std::collections::HashSet;

use microbreaker::{Command, Outcome, Phase};

use crate::concurrent::{Answer, Entry, Operation, Seen};
use crate::model::{Effect, Entered, Model, Permit, Transition, record};
use crate::settings::Settings;

/// Searches for an order of what the threads did to a fresh breaker with `settings` at
/// `tick`, in which the model gives the same answers and makes exactly the `reported`
/// transitions.
///
/// # Errors
///
/// If there is no such order: what happened, as text.
pub fn explain(
    settings: &Settings,
    tick: u32,
    threads: &[Vec<Entry>],
    reported: &[Transition],
) -> Result<(), String> {
    let mut search = Search { threads, reported, dead: HashSet::new(), furthest: Vec::new() };
    let progress = threads.iter().map(|_| Progress::default()).collect();
    let start = Moment { model: Model::new(settings.clone()), now: tick.into(), progress };
    if search.explains(&start) {
        return Ok(());
    }
    let mut text = format!("no order explains this, with {settings:?}:\n");
    let entries = threads.iter().enumerate().flat_map(|(i, entries)| {
        entries.iter().map(move |entry| (entry.began, format!("thread {i}: {entry:?}\n")))
    });
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    text.extend(entries.into_iter().map(|(_, line)| line));
    for transition in reported {
        text.push_str(&format!("reported: {transition:?}\n"));
    }
    text.push_str(&format!("entries explained, by thread: {:?}", search.furthest));
    Err(text)
}

struct Search<'a> {
    threads: &'a [Vec<Entry>],
    reported: &'a [Transition],
    /// Moments known to be dead ends.
    dead: HashSet<String>,
    /// The number of entries explained, by thread, where the search got furthest.
    furthest: Vec<usize>,
}

/// The situation between two effects.
#[derive(Clone, Debug)]
struct Moment {
    model: Model,
    now: u64,
    progress: Vec<Progress>,
}

/// How far a thread has got.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// How many entries are explained.
    done: usize,
    half: Option<Half>,
    held: Vec<Permit>,
}

/// The first half of an entry that takes effect in two halves.
#[derive(Clone, Copy, Debug)]
enum Half {
    Entered(Permit, Entered),
    Counted(Permit),
}

impl Search<'_> {
    fn explains(&mut self, from: &Moment) -> bool {
        let mut next: Vec<usize> =
            (0..self.threads.len()).filter(|&t| self.may_be_next(from, t)).collect();
        let done: Vec<usize> = from.progress.iter().map(|progress| progress.done).collect();
        if done.iter().sum::<usize>() >= self.furthest.iter().sum() {
            self.furthest = done;
        }
        if next.is_empty() {
            return from.model.transitions.len() == self.reported.len();
        }
        // Tried first: operations mostly took effect in the order in which they ended.
        next.sort_by_key(|&t| self.threads[t][from.progress[t].done].ended);
        let key = || format!("{from:?}");
        if !self.dead.is_empty() && self.dead.contains(&key()) {
            return false;
        }
        for thread in next {
            let entry = self.threads[thread][from.progress[thread].done];
            for to in from.after(thread, entry) {
                let made = &to.model.transitions;
                if self.reported.get(..made.len()) == Some(made) && self.explains(&to) {
                    return true;
                }
            }
        }
        self.dead.insert(key());
        false
    }

    /// Whether the next entry of `thread` can take effect now: no pending entry of another
    /// thread ended before it began.
    fn may_be_next(&self, from: &Moment, thread: usize) -> bool {
        let entry = |t: usize| self.threads[t].get(from.progress[t].done);
        let Some(mine) = entry(thread) else { return false };
        let others = (0..self.threads.len()).filter(|&other| other != thread);
        others.filter_map(entry).all(|other| other.ended > mine.began)
    }
}

impl Moment {
    /// The situations that are possible after the next effect of `thread`, which performs
    /// `entry`: those in which the model gives the recorded answer.
    fn after(&self, thread: usize, entry: Entry) -> Vec<Self> {
        let mut all = self.effects(thread, entry);
        let notices = match entry.operation {
            Operation::Acquire | Operation::Finish(_) | Operation::Cancel => true,
            Operation::Manual(command) => command == Command::HalfOpen,
            Operation::Snapshot | Operation::Advance(_) => false,
        };
        if notices && self.model.is_overdue(self.now) {
            let mut noticed = self.clone();
            noticed.model.notice_deadline(self.now);
            all.push(noticed);
        }
        all
    }

    fn effects(&self, thread: usize, entry: Entry) -> Vec<Self> {
        match (self.progress[thread].half, entry.operation) {
            (Some(Half::Entered(permit, entered)), _) => self.count(thread, entry, permit, entered),
            (Some(Half::Counted(permit)), Operation::Finish(outcome)) => {
                self.enter_late(thread, permit, outcome)
            }
            (
                None,
                Operation::Finish(
                    outcome @ (Outcome::Success | Outcome::Failure | Outcome::WeightedFailure(_)),
                ),
            ) => {
                let Some(&permit) = self.progress[thread].held.first() else {
                    return self.at_once(thread, entry);
                };
                match self.model.ends_in_halves(permit) {
                    None => self.at_once(thread, entry),
                    Some(in_a_row) => self.enter(thread, permit, outcome, in_a_row),
                }
            }
            _ => self.at_once(thread, entry),
        }
    }

    /// The two ways to begin an entry that takes effect in two halves.
    fn enter(&self, thread: usize, permit: Permit, outcome: Outcome, in_a_row: u32) -> Vec<Self> {
        let mut entered = self.clone();
        let half = entered.model.enter_window(record(outcome, false), self.now);
        entered.progress[thread].half = Some(Half::Entered(permit, half));
        let mut all = vec![entered];
        if outcome == Outcome::Success && in_a_row == 0 {
            let mut counted = self.clone();
            counted.progress[thread].half = Some(Half::Counted(permit));
            all.push(counted);
        }
        all
    }

    fn count(&self, thread: usize, entry: Entry, permit: Permit, entered: Entered) -> Vec<Self> {
        let mut to = self.clone();
        let effect = if to.model.ends_in_halves(permit).is_some() {
            to.model.count(entered, self.now);
            Effect::Booked
        } else {
            Effect::Stale
        };
        to.progress[thread].finish();
        if entry.answer == Answer::Ended(effect) { vec![to] } else { Vec::new() }
    }

    /// Enters the window after counting. Does nothing if the tenure is over by now: whether
    /// the outcome then still enters a window does not show.
    fn enter_late(&self, thread: usize, permit: Permit, outcome: Outcome) -> Vec<Self> {
        let mut to = self.clone();
        if to.model.ends_in_halves(permit).is_some() {
            to.model.enter_window(record(outcome, false), self.now);
        }
        to.progress[thread].finish();
        vec![to]
    }

    /// An entry that takes effect at one moment.
    fn at_once(&self, thread: usize, entry: Entry) -> Vec<Self> {
        let mut to = self.clone();
        let (model, now, progress) = (&mut to.model, self.now, &mut to.progress[thread]);
        let permit = progress.held.first().copied();
        let answer = match (entry.operation, permit) {
            (Operation::Acquire, _) => match model.acquire(now) {
                Ok(permit) => {
                    progress.held.push(permit);
                    Answer::Admitted
                }
                Err(refusal) => Answer::Refused(refusal),
            },
            (Operation::Finish(outcome), Some(permit)) => {
                progress.held.remove(0);
                Answer::Ended(model.finish(permit, outcome, None, now))
            }
            (Operation::Cancel, Some(permit)) => {
                progress.held.remove(0);
                Answer::Ended(model.cancel(permit, now))
            }
            (Operation::Finish(_) | Operation::Cancel, None) => Answer::Done,
            (Operation::Snapshot, _) => Answer::Seen(see(model, now, entry.answer)),
            (Operation::Manual(command), _) => Answer::Commanded(model.command(command, now)),
            (Operation::Advance(ticks), _) => {
                to.now += u64::from(ticks);
                Answer::Done
            }
        };
        progress.done += 1;
        if answer == entry.answer { vec![to] } else { Vec::new() }
    }
}

impl Progress {
    fn finish(&mut self) {
        self.held.remove(0);
        self.half = None;
        self.done += 1;
    }
}

/// The model's snapshot, without the rest of an opening if the recorded answer gives none
/// and the opening has just begun.
fn see(model: &Model, now: u64, answered: Answer) -> Seen {
    let seen = model.snapshot(now);
    let unsettled = matches!(answered, Answer::Seen(Seen { retry_after: None, .. }));
    let fresh = seen.in_phase_for == 0;
    Seen {
        phase: seen.phase,
        generation: seen.generation as u8,
        in_phase_for: seen.in_phase_for,
        retry_after: seen.retry_after.filter(|_| !(fresh && unsettled)),
        tally: (seen.phase == Phase::Closed).then_some(seen.tally),
        consecutive_failures: seen.consecutive_failures,
        backoff_level: seen.backoff_level,
    }
}
