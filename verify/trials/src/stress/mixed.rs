//! Mixes every operation with every other. Checks that the reported transitions form a
//! path, that only phases that may admit calls do, and that there are no more probes than
//! allowed.

use core::array;
use core::sync::atomic::{AtomicU32, Ordering};

use microbreaker::{Breaker, Config, CountWindow, Counters, Outcome, Permit, Phase, Token};

use super::log::Log;
use super::random::Random;
use super::{Count, Observers, Round, Ticks};

/// The operations of a round: few enough that there are more generations than transitions.
const OPERATIONS: u32 = 120;
const PROBES: u32 = 2;
/// The most permits that a worker holds.
const HELD: usize = 3;

type Subject = Breaker<CountWindow<4>, Ticks, Observers>;

pub(super) struct Mixed {
    workers: u32,
    breaker: Subject,
    /// The generation at which the round starts.
    generation: AtomicU32,
    /// Permits given out, and how many of these were handed back, by generation.
    given: [AtomicU32; 256],
    back: [AtomicU32; 256],
}

impl Mixed {
    pub(super) const fn new(workers: u32) -> Self {
        let config = Config::new()
            .consecutive_failures(2)
            .failures_in_window(3)
            .last_calls(5)
            .open_for(3)
            .backoff(2, 12)
            .probes(PROBES)
            .probe_timeout(4);
        let observers = (Counters::new(), Log::new());
        Self {
            workers,
            breaker: Breaker::observed(config, CountWindow::new(), Ticks, observers),
            generation: AtomicU32::new(0),
            given: [const { AtomicU32::new(0) }; 256],
            back: [const { AtomicU32::new(0) }; 256],
        }
    }

    pub(super) const fn counters(&self) -> &Counters {
        &self.breaker.observer().0
    }

    fn acquire(&'static self) -> Option<Token> {
        let token = self.breaker.try_acquire().ok()?.into_token();
        self.given[usize::from(token.generation())].fetch_add(1, Ordering::Relaxed);
        Some(token)
    }

    fn finish(&'static self, token: Token, random: &mut Random) {
        let permit = self.breaker.resume(token);
        // Counts first: once the permit is back, another worker may be given its place.
        let hand_back = |permit: Permit<'static, Subject>| {
            self.back[usize::from(token.generation())].fetch_add(1, Ordering::Relaxed);
            permit
        };
        match random.below(8) {
            0..3 => permit.success(),
            3..6 => permit.failure(),
            6 if random.below(4) == 0 => permit.finish(Outcome::FailureOpenFor(5)),
            6 => hand_back(permit).ignore(),
            _ => drop(hand_back(permit)),
        }
    }
}

impl Round for Mixed {
    fn prepare(&self) {
        self.breaker.reset();
        self.breaker.observer().1.clear();
        self.given.iter().chain(&self.back).for_each(|count| count.store(0, Ordering::Relaxed));
        self.generation.store(self.breaker.snapshot().generation.into(), Ordering::Relaxed);
    }

    fn work(&'static self, _: u32, _: u32, random: &mut Random, count: &Count) {
        let breaker = &self.breaker;
        let mut held: [Option<Token>; HELD] = array::from_fn(|_| None);
        for _ in 0..OPERATIONS / self.workers {
            count.one();
            let place = &mut held[random.below(HELD as u32) as usize];
            match random.below(32) {
                0..16 => match place.take() {
                    Some(token) => self.finish(token, random),
                    None => *place = self.acquire(),
                },
                16..22 => Ticks::advance(1),
                22 => breaker.trip(),
                23 => breaker.trip_for(1 + random.below(9_000)),
                24 => _ = breaker.half_open(),
                25 | 26 => breaker.reset(),
                27 => breaker.force_open(),
                28 => breaker.disable(),
                29 => breaker.metrics_only(),
                30 => _ = breaker.snapshot(),
                _ => _ = (breaker.phase(), breaker.tally()),
            }
        }
        for token in held.into_iter().flatten() {
            self.finish(token, random);
        }
    }

    fn check(&self, _: u32) {
        let log = &self.breaker.observer().1;
        let read = |counts: &[AtomicU32; 256], generation: u8| {
            counts[usize::from(generation)].load(Ordering::Relaxed)
        };
        let mut generation = self.generation.load(Ordering::Relaxed) as u8;
        let last = self.breaker.snapshot().generation;
        let (mut phase, mut reported) = (Phase::Closed, 0);
        while generation != last {
            generation = generation.wrapping_add(1);
            // A transition to the current phase is not reported.
            if let Some((from, to)) = log.of(generation) {
                assert_eq!(from, phase, "the transitions are not a path");
                (phase, reported) = (to, reported + 1);
            }
            let (given, back) = (read(&self.given, generation), read(&self.back, generation));
            match phase {
                Phase::Open | Phase::ForcedOpen => assert_eq!(given, 0, "admitted while open"),
                Phase::HalfOpen => assert!(given <= PROBES + back, "{given} probes, {back} back"),
                _ => {}
            }
        }
        assert_eq!(log.len(), reported, "a transition was reported but not made");
        // Time may have changed how the phase reads: an opening that is over reads as half-open,
        // and an overdue half-open as open.
        let is = self.breaker.phase();
        let timed = matches!(phase, Phase::Open | Phase::HalfOpen);
        assert!(is == phase || timed && matches!(is, Phase::Open | Phase::HalfOpen), "{is}");
    }
}
