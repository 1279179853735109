//! What a window may know of when its breaker trips.

use std::sync::atomic::{AtomicU64, Ordering};

use microbreaker::window::{Reach, Record, Tenure, Window};
use microbreaker::{Config, CountWindow, FailureWindow, LeakyBucket, Tally, WithSlow};

use super::shares::BITS;

/// Counts the policies that there have been. No thread learns anything else by it.
static POLICIES: AtomicU64 = AtomicU64::new(0);

/// When a breaker trips by its window.
pub(crate) struct Policy {
    /// No other policy has it; not 0.
    pub(super) number: u64,
    config: Config,
    min_calls: u32,
}

impl Policy {
    /// `min_calls` is what `config` asks for.
    pub(crate) fn new(config: Config, min_calls: u32) -> Self {
        let number = 1 + POLICIES.fetch_add(1, Ordering::Relaxed);
        Self { number, config, min_calls }
    }

    /// The share of each of `cells` after `tally`: while each counts at most as many calls that
    /// failed or were slow, and any number of others, the policy is not met. A power of two, or
    /// 0.
    pub(super) fn share(&self, tally: Tally, cells: u32) -> u32 {
        let is_met_by = |share: u32| {
            let bad = share.saturating_mul(cells);
            let more = |count: u32| count.saturating_add(bad);
            // Others may complete them.
            let calls = more(tally.calls).max(self.min_calls);
            let (failed, slow) = (more(tally.failed), more(tally.slow));
            self.config.policy_met(Tally { calls, failed, slow, level: 0 }, 0).is_some()
        };
        let met = (0..BITS).position(|bit| is_met_by(1 << bit)).unwrap_or(BITS as usize);
        (1 << met) >> 1
    }
}

/// A window that may know by what policy its breaker trips.
pub(crate) trait ByPolicy: Window {
    /// [`record`](Window::record) for a breaker with this policy, if it is known. Then the
    /// tally may be zero for a call that cannot meet it.
    #[inline]
    fn record_by(
        &self,
        policy: Option<&Policy>,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally> {
        let _ = policy;
        self.record(tenure, reach, call)
    }
}

impl ByPolicy for () {}
impl<const WORDS: usize> ByPolicy for CountWindow<WORDS> {}
impl<const WORDS: usize> ByPolicy for WithSlow<CountWindow<WORDS>> {}
impl<const BUCKETS: usize> ByPolicy for FailureWindow<BUCKETS> {}
impl ByPolicy for LeakyBucket {}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use std::cell::Cell;

    use microbreaker::window::Kind;
    use microbreaker::{Breaker, Outcome, Phase};
    use proptest::prelude::*;

    use super::*;
    use crate::clock::PausedClock;
    use crate::window::ExactTimeWindow;

    const BUCKETS: u64 = 4;
    const BUCKET: u64 = 5;

    /// A window that knows the policy.
    struct Knowing<'a, W> {
        window: W,
        policy: Policy,
        /// How often the tally was asked for.
        looks: &'a Cell<usize>,
    }

    impl<W: ByPolicy> Window for Knowing<'_, W> {
        const KIND: Kind = W::KIND;
        const SLOW: bool = W::SLOW;

        fn record(
            &self,
            tenure: Tenure<'_>,
            reach: &Reach<impl Fn() -> u32>,
            call: Record,
        ) -> Option<Tally> {
            let tally = self.window.record_by(Some(&self.policy), tenure, reach, call)?;
            self.looks.update(|looks| looks + usize::from(tally != Tally::default()));
            Some(tally)
        }

        fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally {
            self.window.tally(tenure, reach)
        }

        fn begin(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
            self.window.begin(tenure, reach);
        }
    }

    /// A breaker whose window has cells for whichever thread `here` says.
    fn knowing<'a>(
        config: Config,
        min_calls: u32,
        clock: &PausedClock,
        looks: &'a Cell<usize>,
        here: impl Fn() -> usize,
    ) -> Breaker<Knowing<'a, impl ByPolicy>, PausedClock> {
        let config = config.min_calls(min_calls).bucket(BUCKET as u32).open_for(9);
        let window = ExactTimeWindow::<_, { BUCKETS as usize }, true, _>::with(clock.clone(), here);
        let policy = Policy::new(config, min_calls);
        Breaker::new(config, Knowing { window, policy, looks }, clock.clone())
    }

    /// A call that ends on a thread, `wait` after the one before.
    #[derive(Clone, Debug)]
    struct Step {
        thread: usize,
        failed: bool,
        slow: bool,
        wait: u64,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let wait = prop_oneof![100 => Just(0), 4 => 0..8_u64, 1 => 0..2 * BUCKETS * BUCKET];
        let thread = prop_oneof![Just(0), Just(1), Just(9), Just(64), Just(usize::MAX)];
        let step = (thread, any::<bool>(), prop::bool::weighted(0.2), wait);
        let step =
            step.prop_map(|(thread, failed, slow, wait)| Step { thread, failed, slow, wait });
        prop::collection::vec(step, 1..300)
    }

    proptest! {
        /// A share hides no call that trips the breaker, and makes none trip it.
        #[test]
        fn a_breaker_trips_when_a_plain_list_says_so(
            steps in steps(),
            rate in 20..100_u32,
            slow_rate in 20..100_u32,
            min_calls in 1..60_u32,
        ) {
            let (here, looks, clock) = (Cell::new(0), Cell::new(0), PausedClock::new());
            let config = Config::new().failure_rate(rate).slow_rate(slow_rate).slow_after(4);
            let breaker = knowing(config, min_calls, &clock, &looks, || here.get());
            let (mut now, mut list) = (0, Vec::new());
            for step in steps {
                let Step { thread, failed, slow, wait } = step;
                now += wait;
                clock.advance(std::time::Duration::from_millis(wait));
                here.set(thread);
                let end = if failed { Outcome::Failure } else { Outcome::Success };
                breaker.try_acquire().unwrap().took(if slow { 5 } else { 4 }).finish(end);
                list.push((now, failed, slow));
                list.retain(|(at, ..)| now / BUCKET < at / BUCKET + BUCKETS);
                let calls = list.len() as u32;
                let met = |rate, bad: &dyn Fn(&(u64, bool, bool)) -> bool| {
                    let bad = list.iter().filter(|call| bad(call)).count() as u32;
                    calls >= min_calls && 100 * bad >= rate * calls
                };
                let trips = failed && met(rate, &|call| call.1)
                    || slow && met(slow_rate, &|call| call.2);
                prop_assert_eq!(breaker.phase() == Phase::Open, trips);
                if trips {
                    breaker.reset();
                    list.clear();
                }
            }
        }
    }

    #[test]
    fn failures_far_from_the_threshold_seldom_add_up() {
        let (here, looks, clock) = (Cell::new(0), Cell::new(0), PausedClock::new());
        let breaker = knowing(Config::new().failure_rate(50), 100, &clock, &looks, || here.get());
        for call in 0..100_000 {
            here.set(call % 7);
            let end = if call % 10 == 0 { Outcome::Failure } else { Outcome::Success };
            breaker.try_acquire().unwrap().finish(end);
        }
        assert_eq!(breaker.tally().failed, 10_000);
        assert!(looks.get() < 150, "{looks:?}");
    }
}
