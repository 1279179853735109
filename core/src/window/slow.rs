//! A window that watches slow calls as well as failures.

use super::{Kind, Reach, Tenure, Window};
use crate::tally::{Record, Tally};

/// Two windows of the same kind: one of failures, one of slow calls.
///
/// Each is exact. A call enters one window and then the other, so while calls end
/// at the same time the two may hold different calls, and different numbers of
/// them; both rates are then taken of the larger number.
///
/// ```
/// use microbreaker::{Breaker, Config, CountWindow, Phase, WithSlow, clock::ManualClock};
/// static CLOCK: ManualClock = ManualClock::new(0);
/// static SENSOR: Breaker<WithSlow<CountWindow<3>>, &ManualClock> = Breaker::new(
///     Config::new().slow_rate(50).slow_after(20).last_calls(16).open_for(500),
///     WithSlow::new(CountWindow::new(), CountWindow::new()),
///     &CLOCK,
/// );
/// let permit = SENSOR.try_acquire()?;
/// CLOCK.advance(21);
/// permit.success(); // but slow: 1 of 1
/// assert_eq!(SENSOR.phase(), Phase::Open);
/// # Ok::<(), microbreaker::Rejected>(())
/// ```
#[derive(Debug, Default)]
pub struct WithSlow<W> {
    failures: W,
    slow: W,
}

impl<W> WithSlow<W> {
    /// A window that remembers failures in `failures` and slow calls in `slow`.
    #[must_use]
    pub const fn new(failures: W, slow: W) -> Self {
        Self { failures, slow }
    }
}

impl<W: Window> Window for WithSlow<W> {
    const KIND: Kind = W::KIND;
    const NAME: &'static str = W::NAME;
    const SLOW: bool = true;

    fn record(
        &self,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally> {
        let failures = self.failures.record(tenure, reach, call)?;
        let slow = self.slow.record(
            tenure,
            reach,
            Record { failed: call.slow, slow: false, weight: 1 },
        )?;
        Some(combine(failures, slow))
    }

    #[inline]
    fn is_quiet(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> bool {
        self.failures.is_quiet(tenure, reach) && self.slow.is_quiet(tenure, reach)
    }

    fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally {
        combine(self.failures.tally(tenure, reach), self.slow.tally(tenure, reach))
    }

    fn begin(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
        self.failures.begin(tenure, reach);
        self.slow.begin(tenure, reach);
    }
}

/// Every call enters both windows, so either has the number of calls; a window
/// that was not tallied has 0.
fn combine(failures: Tally, slow: Tally) -> Tally {
    Tally { calls: failures.calls.max(slow.calls), slow: slow.failed, ..failures }
}
