//! Interrupts every operation of a breaker, at every instruction, with a
//! handler that uses the same breaker.
//!
//! An interrupted operation must look as if it had happened at one moment,
//! before or after the handler: in the answers of both, in what the observer is
//! told, and in what the breaker does from then on. So each result is compared
//! with the results of these two orders.

#![no_std]
#![no_main]

mod operation;
mod outcome;
mod situation;

use core::cell::Cell;
use core::hint::black_box;
use core::num::NonZeroUsize;

use emulator::{hundred_nops, interrupted};
use microbreaker::clock::ManualClock;
use semihosting::{println, process};

use operation::Operation::Abandon;
use operation::{Answer, OPERATIONS, Operation, Perform, TOLD, is_for_handlers};
use outcome::{EPILOGUE, Outcome};
use situation::{SITUATIONS, Situation};

/// Interrupts at every first, or at every second, of an operation's instructions, and so on.
/// Which of them comes first changes from pair to pair.
const EVERY: NonZeroUsize = match option_env!("EVERY") {
    None => NonZeroUsize::MIN,
    Some(text) => match usize::from_str_radix(text, 10) {
        Ok(every @ 1..) => NonZeroUsize::new(every).unwrap(),
        _ => panic!("EVERY must be a number of instructions, at least 1"),
    },
};

static CLOCK: ManualClock = ManualClock::new(0);

#[emulator::entry]
fn main() -> ! {
    let lost = torn();
    let nops = positions(&mut hundred_nops) - positions(&mut || {});
    assert_eq!(nops, 100, "not each instruction is interrupted once");
    let (mut pairs, mut positions) = (0, 0);
    for situation in SITUATIONS {
        for operation in OPERATIONS {
            for handler in OPERATIONS.into_iter().filter(is_for_handlers) {
                let first = 1 + pairs % EVERY;
                if let Some(instructions) = preempt(situation, operation, handler, first) {
                    pairs += 1;
                    positions += instructions;
                }
            }
        }
    }
    println!(
        "{pairs} pairs of operations, interrupted at {positions} instructions in total: each looks \
         like one after the other; a torn counter lost {lost} updates"
    );
    process::exit(0)
}

/// Interrupts `operation` with `handler` at the `first` of its instructions and at every
/// [`EVERY`]th from there, and returns at how many; `None` if either does not apply to the
/// situation.
fn preempt(
    situation: &Situation,
    operation: Operation,
    handler: Operation,
    first: usize,
) -> Option<usize> {
    let before = outcome(situation, |stage| {
        let answer = stage.perform(operation, 0);
        [answer, stage.perform(handler, 1)]
    });
    let after = outcome(situation, |stage| {
        let answer = stage.perform(handler, 1);
        [stage.perform(operation, 0), answer]
    });
    // An operation may also notice the overdue probes before the handler runs, and do its own
    // work after it.
    let noticed = outcome(situation, |stage| {
        let _ = stage.perform(Abandon, 2);
        let answer = stage.perform(handler, 1);
        [stage.perform(operation, 0), answer]
    });
    if before.answers[..2].contains(&None) {
        return None;
    }
    for (positions, instructions) in (first as u32..).step_by(EVERY.get()).enumerate() {
        let mut came = false;
        let between = outcome(situation, |stage| {
            let (mut answer, handled) = (None, Cell::new(None));
            came =
                interrupted(instructions, &|| handled.set(stage.perform(handler, 1)), &mut || {
                    answer = stage.perform(operation, 0)
                })
                .is_some();
            [answer, handled.take()]
        });
        if !came {
            return Some(positions);
        }
        assert!(
            between.is_as(&before, &after)
                || between.is_as(&after, &before)
                || between.is_as(&noticed, &before),
            "{}: {operation:?} is interrupted by {handler:?} after {instructions} instructions: \
             {between:?}\nneither {before:?}\nnor {after:?}\nnor {noticed:?}",
            situation.name,
        );
    }
    unreachable!()
}

/// Sets up `situation`, and performs `both` operations.
fn outcome(
    situation: &Situation,
    both: impl FnOnce(&dyn Perform) -> [Option<Answer>; 2],
) -> Outcome {
    let (mut both, mut outcome) = (Some(both), None);
    situation.enter(&CLOCK, &mut |stage| {
        let mut answers = [None; 2 + EPILOGUE.len()];
        answers[..2].copy_from_slice(&both.take().unwrap()(stage));
        let _ = stage.perform(Abandon, 2);
        for (answer, (ticks, operation)) in answers[2..].iter_mut().zip(EPILOGUE) {
            CLOCK.advance(ticks);
            *answer = stage.perform(operation, 2);
        }
        let (counters, history) = stage.observer();
        let mut told = [None; TOLD];
        for transition in &history.snapshot() {
            told[usize::from(transition.generation) % TOLD] = Some(*transition);
        }
        outcome = Some(Outcome { answers, counts: counters.counts(), told });
    });
    outcome.unwrap()
}

/// Interrupts an operation that is not atomic, to show that the method detects that, and
/// returns how many times it did.
fn torn() -> u32 {
    let mut lost = 0;
    for instructions in 1.. {
        let counter = Cell::new(0_u32);
        let add = || {
            let count = black_box(counter.get());
            counter.set(black_box(count + 1));
        };
        if interrupted(instructions, &add, &mut { add }).is_none() {
            break;
        }
        lost += u32::from(counter.get() != 2);
    }
    assert!(lost > 0, "the method does not detect an operation that is not atomic");
    lost
}

/// At how many points `operation` can be interrupted.
fn positions(operation: &mut dyn FnMut()) -> u32 {
    (1..).find(|&instructions| interrupted(instructions, &|| {}, operation).is_none()).unwrap()
}
