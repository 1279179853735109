//! Numbers for events that tell their order.

use std::collections::VecDeque;

/// A transition is told late if it is fewer generations behind than this, or else it looks
/// ahead.
const REACH: u8 = 128;

/// Numbers the events of a breaker in the order in which they happened, though threads may
/// tell them in another.
///
/// Each transition has a generation. Of those that are left out, the numbers are kept free:
/// perhaps another thread is about to tell them.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    /// The latest that a transition was told of.
    generation: u8,
    /// The last number that was given out or kept free.
    last: u64,
    /// The generations that were left out and their numbers. At most as many as `REACH`.
    free: VecDeque<(u8, u64)>,
}

impl Sequence {
    /// The number of the transition that began `generation`.
    pub(super) fn of_transition(&mut self, generation: u8) -> u64 {
        let ahead = generation.wrapping_sub(self.generation);
        if ahead == 0 || ahead > REACH {
            let late = self.free.iter().position(|(left_out, _)| *left_out == generation);
            let late = late.and_then(|late| self.free.remove(late));
            return late.map_or_else(|| self.next(), |(_, number)| number);
        }
        for left_out in 1..ahead {
            let number = self.next();
            self.free.push_back((self.generation.wrapping_add(left_out), number));
        }
        self.generation = generation;
        self.free.retain(|(left_out, _)| generation.wrapping_sub(*left_out) < REACH);
        self.next()
    }

    /// Goes on to `generation`. Its number is kept free: perhaps it began with a transition
    /// that another thread is about to tell.
    pub(super) fn skip(&mut self, generation: u8) {
        if (1..=REACH).contains(&generation.wrapping_sub(self.generation)) {
            let number = self.of_transition(generation);
            self.free.push_back((generation, number));
        }
    }

    /// The number after all that were given out.
    pub(super) fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(generations: impl IntoIterator<Item = u8>) -> Vec<u64> {
        let mut sequence = Sequence::default();
        generations.into_iter().map(|generation| sequence.of_transition(generation)).collect()
    }

    #[test]
    fn what_is_told_late_gets_the_number_of_its_turn() {
        assert_eq!(numbers([1, 2, 3]), [1, 2, 3]);
        assert_eq!(numbers([3, 1, 2, 4]), [3, 1, 2, 4]);
        assert_eq!(numbers([127, 1, 128, 2]), [127, 1, 128, 2]);
        assert_eq!(numbers([128, 1]), [128, 1], "as far ahead as it looks");
    }

    #[test]
    fn a_number_that_was_kept_free_a_round_of_generations_ago_is_not_given_out() {
        let mut sequence = Sequence::default();
        let [_, last] = [2, 129].map(|generation| sequence.of_transition(generation));
        sequence.skip(1);
        assert!(sequence.of_transition(1) > last);
    }

    #[test]
    fn a_number_is_given_out_once_however_often_generations_repeat() {
        let turns = (0..5).flat_map(|_| 0..=255).skip(1);
        assert_eq!(numbers(turns), (1..5 * 256).collect::<Vec<_>>());
        // Every second is never told, and so never late.
        let turns = (0..5).flat_map(|_| (0..=254).step_by(2)).skip(1);
        assert_eq!(numbers(turns), (1..5 * 128).map(|n| 2 * n).collect::<Vec<_>>());
        // What was kept free for a generation is not for the next with its number.
        assert_eq!(numbers([2, 100, 200, 1]), [2, 100, 200, 257]);
    }

    #[test]
    fn a_report_comes_after_what_was_told_before() {
        let mut sequence = Sequence::default();
        assert_eq!((sequence.of_transition(2), sequence.next()), (2, 3));
        assert_eq!((sequence.of_transition(1), sequence.of_transition(3)), (1, 4));
    }

    #[test]
    fn numbers_grow_however_many_tenures_begin_without_a_transition() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.of_transition(1), 1);
        (2..=1_001_u32).for_each(|generation| sequence.skip(generation as u8));
        assert_eq!(sequence.of_transition(1_002_u32 as u8), 1_002);
    }

    #[test]
    fn a_tenure_that_is_noted_before_its_transition_is_told_keeps_its_number() {
        let mut sequence = Sequence::default();
        sequence.skip(1);
        assert_eq!((sequence.of_transition(2), sequence.of_transition(1)), (2, 1));
        assert_eq!(sequence.of_transition(4), 4);
        sequence.skip(3);
        assert_eq!(sequence.of_transition(3), 3);
    }

    #[test]
    fn what_is_kept_free_is_bounded() {
        let mut sequence = Sequence::default();
        for turn in 0..100_u8 {
            sequence.of_transition(turn.wrapping_mul(128));
            assert!(sequence.free.len() <= REACH.into());
        }
    }
}
