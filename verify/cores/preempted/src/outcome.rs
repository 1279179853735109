//! The outcome of two operations.

use microbreaker::{self as breaker, Counts, Transition};

use crate::operation::Operation::{self, Acquire, Snapshot, Tally};
use crate::operation::{Answer, ROUNDED, TOLD};

/// What is done after the two operations, each this many ticks after the one
/// before. In the middle every opening is over.
pub(crate) const EPILOGUE: [(u32, Operation); 8] = [
    (0, Acquire),
    (0, Snapshot),
    (0, Tally),
    (0, Acquire),
    (2 * ROUNDED, Snapshot),
    (0, Acquire),
    (0, Acquire),
    (0, Snapshot),
];

/// Everything visible of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The answers of the operation, the handler and the epilogue.
    pub(crate) answers: [Option<Answer>; 2 + EPILOGUE.len()],
    pub(crate) counts: Counts,
    /// Transitions, by generation.
    pub(crate) told: [Option<Transition>; TOLD],
}

impl Outcome {
    /// Whether this looks as if the operations had happened in the given
    /// `order` rather than in the `other` one.
    ///
    /// A call ends in two moments: it enters the window, and then a policy that
    /// is met trips the breaker. In between, a handler may see the first
    /// without the second, and a call that the handler ends may enter the
    /// window as well, although that tenure is over by the time it is reported.
    /// So the counts of a tally, and the number of stale outcomes, may be those
    /// of either order, anything in between, or one more.
    pub(crate) fn is_as(&self, order: &Self, other: &Self) -> bool {
        let mut counts = self.counts;
        if is_near(counts.stale, order.counts.stale, other.counts.stale) {
            counts.stale = order.counts.stale;
        }
        let mut answers = self.answers.iter().zip(&order.answers).zip(&other.answers);
        counts == order.counts
            && self.told == order.told
            && answers.all(|((answer, order), other)| is_like(*answer, *order, *other))
    }
}

/// Whether an answer is that of one order, except for what may be as in the
/// `other` one, and for what may be unknown in the middle of an operation.
fn is_like(answer: Option<Answer>, order: Option<Answer>, other: Option<Answer>) -> bool {
    match (answer, order, other) {
        (Some(Answer::Holds(tally)), Some(Answer::Holds(order)), Some(Answer::Holds(other))) => {
            is_between(tally, order, other)
        }
        (Some(Answer::Seen(seen)), Some(Answer::Seen(order)), Some(Answer::Seen(other))) => {
            seen.phase == order.phase
                && seen.generation == order.generation
                && seen.in_phase_for == order.in_phase_for
                && seen.consecutive_failures == order.consecutive_failures
                && seen.backoff_level == order.backoff_level
                && waits(seen.retry_after, order.retry_after)
                && is_between(seen.tally, order.tally, other.tally)
        }
        (Some(Answer::Acquired(Err(is))), Some(Answer::Acquired(Err(order))), _) => {
            is.phase == order.phase && waits(is.retry_after, order.retry_after)
        }
        _ => answer == order,
    }
}

fn is_between(tally: breaker::Tally, order: breaker::Tally, other: breaker::Tally) -> bool {
    is_near(tally.calls, order.calls, other.calls)
        && is_near(tally.failed, order.failed, other.failed)
        && is_near(tally.slow, order.slow, other.slow)
}

fn is_near(count: u32, order: u32, other: u32) -> bool {
    (order.min(other)..=order.max(other) + 1).contains(&count)
}

/// Whether a wait is the `exact` one, not known yet, or still rounded up.
fn waits(wait: Option<u32>, exact: Option<u32>) -> bool {
    match (wait, exact) {
        (Some(wait), Some(exact)) => (exact..=exact + exact / 512).contains(&wait),
        (None, _) => true,
        (Some(_), None) => false,
    }
}
