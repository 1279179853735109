//! An opening lasts its full length: one of the workers trips the breaker, the clock
//! advances, and no call is admitted before the opening is over.

use core::sync::atomic::{AtomicU32, Ordering};

use microbreaker::{Breaker, Clock, Config, Counters, Phase};

use super::log::Log;
use super::random::Random;
use super::{Count, Observers, Round, Ticks};

const CALLS: u32 = 64;
/// More ticks than pass in a round.
const OPEN_FOR: u32 = 10_000;
/// The ticks between two rounds: so many that a tick left over from an earlier round would
/// stand out.
const PAUSE: u32 = 1 << 20;

pub(super) struct Opening {
    breaker: Breaker<(), Ticks, Observers>,
    /// The generation and the tick at which the round starts.
    generation: AtomicU32,
    start: AtomicU32,
}

impl Opening {
    pub(super) const fn new() -> Self {
        let config = Config::new().consecutive_failures(2).open_for(OPEN_FOR);
        let observers = (Counters::new(), Log::new());
        Self {
            breaker: Breaker::observed(config, (), Ticks, observers),
            generation: AtomicU32::new(0),
            start: AtomicU32::new(0),
        }
    }

    pub(super) const fn counters(&self) -> &Counters {
        &self.breaker.observer().0
    }
}

impl Round for Opening {
    fn prepare(&self) {
        self.breaker.reset();
        self.breaker.observer().1.clear();
        Ticks::advance(PAUSE);
        self.generation.store(self.breaker.snapshot().generation.into(), Ordering::Relaxed);
        self.start.store(Ticks.now(), Ordering::Relaxed);
    }

    fn work(&'static self, _: u32, _: u32, random: &mut Random, count: &Count) {
        let start = self.start.load(Ordering::Relaxed);
        for left in (0..CALLS).rev() {
            count.one();
            Ticks::advance(random.below(2));
            match self.breaker.try_acquire() {
                Ok(permit) => {
                    let token = permit.into_token();
                    let generation = self.generation.load(Ordering::Relaxed);
                    assert_eq!(
                        u32::from(token.generation()),
                        generation,
                        "admitted after the trip"
                    );
                    let permit = self.breaker.resume(token);
                    // The last two calls fail.
                    if left < 2 || random.below(8) == 0 {
                        permit.failure()
                    } else {
                        permit.success()
                    }
                }
                Err(rejected) => {
                    let wait = rejected.retry_after.expect("the opening has an end");
                    assert!(wait <= OPEN_FOR, "longer than configured: {rejected:?}");
                    // The breaker read the clock before this line does.
                    let end = Ticks.now() + wait;
                    assert!(end >= start + OPEN_FOR, "cut short: {rejected:?}");
                }
            }
        }
    }

    fn check(&self, _: u32) {
        assert_eq!(self.breaker.phase(), Phase::Open);
        assert_eq!(self.breaker.observer().1.len(), 1, "it trips once");
    }
}
