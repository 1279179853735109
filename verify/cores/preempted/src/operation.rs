//! The operations of the public API, and their answers.

use core::cell::Cell;

use microbreaker::{
    self as breaker, Breaker, Command, Counters, Gate, History, IllegalTransition, InFlight,
    Outcome, Permit, Rejected, Status, Throttle, Token, clock::ManualClock, window::Window,
};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Acquire,
    /// Ends a call that took this many ticks.
    Finish(Outcome, u32),
    Abandon,
    /// Ends the transfer that is under way.
    FinishInFlight(Outcome),
    Manual(Command),
    Phase,
    Snapshot,
    Tally,
}

use Operation::*;

pub(crate) const OPERATIONS: [Operation; 19] = [
    Acquire,
    Finish(Outcome::Success, 0),
    Finish(Outcome::Success, SLOW),
    Finish(Outcome::Failure, 0),
    Finish(Outcome::FailureOpenFor(7), 0),
    Finish(Outcome::Ignored, 0),
    Abandon,
    FinishInFlight(Outcome::Success),
    FinishInFlight(Outcome::Failure),
    Manual(Command::Trip),
    Manual(Command::TripFor(ROUNDED)),
    Manual(Command::HalfOpen),
    Manual(Command::Reset),
    Manual(Command::ForceOpen),
    Manual(Command::Disable),
    Manual(Command::MetricsOnly),
    Phase,
    Snapshot,
    Tally,
];

/// Whether the operation is worth running in a handler: a snapshot also shows
/// the phase and the tally.
pub(crate) fn is_for_handlers(operation: &Operation) -> bool {
    !matches!(operation, Phase | Tally)
}

/// Calls longer than this many ticks are slow.
const SLOW: u32 = 9;

/// An opening that does not fit into its word: it is rounded up until the
/// operation has published by how much.
pub(crate) const ROUNDED: u32 = 0x1001;

/// The answer to an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Done,
    Acquired(Result<Token, Rejected>),
    /// Whether it was the first to finish the transfer.
    WasFirst(bool),
    Commanded(Result<(), IllegalTransition>),
    Is(breaker::Phase),
    Seen(breaker::Snapshot),
    Holds(breaker::Tally),
}

/// More transitions than two operations and the epilogue can make.
pub(crate) const TOLD: usize = 16;

pub(crate) type Observers = (Counters, History<TOLD>);

/// A breaker with any window, or a throttle.
pub(crate) trait Subject: Gate {
    /// Performs an operation without a permit; `None` if the subject has no such operation.
    fn perform(&self, operation: Operation) -> Option<Answer>;
    /// Finishes the call in `slot`.
    fn finish(&self, slot: &InFlight, outcome: Outcome) -> Option<Answer>;
    fn observer(&self) -> &Observers;
}

impl<W: Window> Subject for Breaker<W, &ManualClock, Observers> {
    fn perform(&self, operation: Operation) -> Option<Answer> {
        match operation {
            Manual(command) => Some(Answer::Commanded(self.command(command))),
            Phase => Some(Answer::Is(self.phase())),
            Snapshot => Some(Answer::Seen(self.snapshot())),
            Tally => Some(Answer::Holds(self.tally())),
            Acquire | Finish(..) | Abandon | FinishInFlight(_) => None,
        }
    }

    fn finish(&self, slot: &InFlight, outcome: Outcome) -> Option<Answer> {
        Some(Answer::WasFirst(slot.finish(self, outcome)))
    }

    fn observer(&self) -> &Observers {
        self.observer()
    }
}

impl<W: Window> Subject for Throttle<W, &ManualClock, Observers> {
    fn perform(&self, operation: Operation) -> Option<Answer> {
        matches!(operation, Tally).then(|| Answer::Holds(self.tally()))
    }

    fn finish(&self, _: &InFlight, _: Outcome) -> Option<Answer> {
        None
    }

    fn observer(&self) -> &Observers {
        self.observer()
    }
}

/// A subject and three of its permits: for the operation, for the handler, and
/// a third one for a use outside both. And the slot of a transfer, if one is under way,
/// which the operation and the handler may both finish.
pub(crate) struct Stage<'a, S: Subject> {
    pub(crate) subject: &'a S,
    pub(crate) permits: [Cell<Option<Permit<'a, S>>>; 3],
    pub(crate) transfer: Option<InFlight>,
}

/// A [`Stage`] for any subject.
pub(crate) trait Perform {
    /// Performs `operation`, with the permit `permit` if it takes one. `None`
    /// if there is no such operation or no such permit.
    fn perform(&self, operation: Operation, permit: usize) -> Option<Answer>;
    fn observer(&self) -> &Observers;
}

impl<S: Subject> Perform for Stage<'_, S> {
    #[inline(never)]
    fn perform(&self, operation: Operation, permit: usize) -> Option<Answer> {
        match operation {
            Acquire => {
                return Some(Answer::Acquired(self.subject.try_acquire().map(Permit::into_token)));
            }
            Finish(outcome, took) => self.permits[permit].take()?.took(took).finish(outcome),
            Abandon => drop(self.permits[permit].take()?),
            FinishInFlight(outcome) => {
                return self.subject.finish(self.transfer.as_ref()?, outcome);
            }
            other => return self.subject.perform(other),
        }
        Some(Answer::Done)
    }

    fn observer(&self) -> &Observers {
        self.subject.observer()
    }
}
