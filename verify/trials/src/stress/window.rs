//! No outcome and no trip is lost: the failures of all workers together either meet the
//! policy or are one short of it.

use microbreaker::{Breaker, Config, CountWindow, Counters, Phase, Tally};

use super::log::Log;
use super::random::Random;
use super::{Count, Observers, Round, Ticks};

/// The calls of a round.
const CALLS: u32 = 1_200;
/// The failures among them that trip the breaker.
const FAILURES: u32 = 96;

pub(super) struct Window {
    workers: u32,
    breaker: Breaker<CountWindow<62>, Ticks, Observers>,
}

impl Window {
    pub(super) const fn new(workers: u32) -> Self {
        let failures = FAILURES / workers * workers;
        let config = Config::new().failures_in_window(failures).last_calls(CALLS).open_for(1);
        let observers = (Counters::new(), Log::new());
        Self { workers, breaker: Breaker::observed(config, CountWindow::new(), Ticks, observers) }
    }

    pub(super) const fn counters(&self) -> &Counters {
        &self.breaker.observer().0
    }

    /// Whether the failures of round `number` meet the policy.
    const fn trips(number: u32) -> bool {
        number.is_multiple_of(2)
    }
}

impl Round for Window {
    fn prepare(&self) {
        self.breaker.reset();
        self.breaker.observer().1.clear();
    }

    fn work(&'static self, worker: u32, number: u32, random: &mut Random, count: &Count) {
        let mut failures = FAILURES / self.workers;
        if worker == 0 && !Self::trips(number) {
            failures -= 1;
        }
        for left in (1..=CALLS / self.workers).rev() {
            count.one();
            let Ok(permit) = self.breaker.try_acquire() else {
                assert_eq!(failures, 0, "refused before the policy was met");
                continue;
            };
            if random.below(left) < failures {
                failures -= 1;
                permit.failure();
            } else {
                permit.success();
            }
        }
    }

    fn check(&self, number: u32) {
        let failed = FAILURES / self.workers * self.workers;
        let (phase, tally) = (self.breaker.snapshot().phase, self.breaker.tally());
        let reported = self.breaker.observer().1.len();
        if Self::trips(number) {
            assert_eq!((phase, reported, tally.failed), (Phase::Open, 1, failed));
        } else {
            let calls = CALLS / self.workers * self.workers;
            let all = Tally { calls, failed: failed - 1, slow: 0, level: 0 };
            assert_eq!((phase, reported, tally), (Phase::Closed, 0, all));
        }
    }
}
