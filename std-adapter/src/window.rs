//! A time-based window that counts exactly and that threads share without contention.

mod cell;
mod cells;
mod policy;
mod shares;
pub(crate) mod striped;
mod tenures;

use std::fmt;

use microbreaker::{
    Clock, Tally,
    clock::STEP_BACK,
    window::{Kind, Reach, Record, Tenure, Window},
};

use self::cell::{Buckets, Count};
use self::cells::Cells;
pub(crate) use self::policy::{ByPolicy, Policy};
use self::shares::Shares;
use self::tenures::Tenures;
use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::sync::swap;
use crate::threads;

/// How far behind the recent tick may be: far less than a turn, and yet hardly ever written.
const RECENT: u32 = 1 << 24;
/// The most calls that a policy can ask for; more are counted all the same.
const CAPACITY: u32 = 1 << 31;

/// The last `BUCKETS` buckets of [`Config::bucket`](microbreaker::Config::bucket) ticks
/// each, the newest one still filling, counted exactly however many calls there are.
///
/// It is what a [`TimeWindow`](microbreaker::TimeWindow) is, for hosts. Each thread counts
/// in a cell of its own, with plain stores; a failure adds the cells up. `CLOCK` is the
/// breaker's own clock. If it has 64 bits
/// ([`Clock::now_64`]), silences of any length are told apart; with other clocks, what comes
/// before a silence of a whole turn of the clock, less up to 2^25 ticks, counts again after it.
///
/// With `SLOW` it also counts slow calls.
///
/// ```
/// use microbreaker::{Breaker, Config};
/// use microbreaker_std::{ExactTimeWindow, clock::CoarseClock};
///
/// // Trips if more than one call in 2,000 failed in the last 10 seconds, of a million calls
/// // at least.
/// let config = Config::new().failure_ratio(1, 2_000).min_calls(1_000_000);
/// let window = ExactTimeWindow::<_, 10>::new(CoarseClock);
/// let upstream = Breaker::new(config.bucket(1_000).open_for(5_000), window, CoarseClock);
/// assert!(upstream.call(|| "42".parse::<u32>()).is_ok());
/// ```
///
/// # What is exact
///
/// A call counts in the bucket of the tick that its thread read while the call ended, or in
/// a later one that this thread had already begun. The tally of a failing call holds every
/// call that ended before it began, within the window, and those that end beside it or do
/// not. Of racing failures that together meet a policy, the last one to be recorded sees
/// that it is met, and no breaker trips unless some order of the calls meets the policy.
///
/// A signal handler that interrupts a thread while it counts must not count itself.
///
/// # Cost
///
/// A success is two loads of shared words that are hardly ever written, a reading of the
/// clock, and a store that no other thread waits for. A failure also has a fence, and reads
/// every cell: with a [`Breaker`](crate::Breaker), only in a new bucket, and when its thread
/// has used up its share of the failures that cannot open the breaker yet.
///
/// For ten buckets 512 bytes, and 384 more for each further thread that has called, up to
/// 65; the threads beyond that borrow common cells, of which there are as many as such
/// threads once counted at the same instant. A cell is never given back before the window is.
///
/// Wait-free but for a failure that finds others counting in a later bucket, which looks
/// again, and for the first call of a thread, which allocates.
pub struct ExactTimeWindow<C, const BUCKETS: usize, const SLOW: bool = false, S = fn() -> usize> {
    tenures: Tenures,
    /// A recent tick, if the clock has 32 bits.
    recent: AtomicU64,
    shares: Shares,
    cells: Cells<BUCKETS>,
    clock: C,
    thread: S,
}

impl<C: Clock, const BUCKETS: usize, const SLOW: bool> ExactTimeWindow<C, BUCKETS, SLOW> {
    /// An empty window. `clock` is the breaker's.
    #[must_use]
    pub fn new(clock: C) -> Self {
        Self::with(clock, threads::number)
    }
}

impl<C: Clock, const BUCKETS: usize, const SLOW: bool, S: Fn() -> usize>
    ExactTimeWindow<C, BUCKETS, SLOW, S>
{
    /// The same with numbers for threads of your own: `thread` returns a number that no
    /// other living thread has. Small ones are best: see the cost.
    pub fn with(clock: C, thread: S) -> Self {
        const { assert!(BUCKETS > 0, "an ExactTimeWindow has at least one bucket") }
        Self {
            tenures: Tenures::new(),
            recent: AtomicU64::new(1 << 32),
            shares: Shares::new(),
            cells: Cells::new(),
            clock,
            thread,
        }
    }

    /// The current tick.
    #[inline]
    fn now(&self) -> u64 {
        match self.clock.now_64() {
            Some(now) => now,
            None => self.unwrapped(),
        }
    }

    /// The current tick of a clock of 32 bits, as the first one that it may be since a recent
    /// one.
    fn unwrapped(&self) -> u64 {
        // Acquire: pairs with the release of the swap. The clock must not show less than it
        // did when another thread read it.
        let recent = self.recent.load(Ordering::Acquire);
        let since = self.clock.now().wrapping_sub(recent as u32);
        let back = since.wrapping_neg();
        if back <= STEP_BACK {
            return recent - u64::from(back);
        }
        let now = recent + u64::from(since);
        if since > RECENT {
            // If this fails, another thread has set it meanwhile.
            swap(&self.recent, recent, now);
        }
        now
    }

    /// The tally of `tenure`'s window, whose newest bucket is that of `now`, or a later one
    /// if a thread counts there already.
    fn sum(&self, tenure: u64, bucket: u64, now: u64) -> Tally {
        let mut buckets = Buckets::until(now, bucket);
        loop {
            // Whatever counts against a policy comes first. A success is then never missed
            // that came before a failure which is not: that would make the rate higher than
            // it was in any order of the calls.
            let of = |count| self.cells.sum(|cell| cell.held(count, tenure, buckets));
            let counts = if SLOW { of(Count::Slow) } else { Ok(0) }
                .and_then(|slow| Ok([slow, of(Count::Failed)?, of(Count::Succeeded)?]));
            match counts {
                Ok([slow, failed, succeeded]) => {
                    let capped = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
                    return Tally {
                        calls: capped(failed + succeeded),
                        failed: capped(failed),
                        slow: capped(slow),
                        level: 0,
                    };
                }
                Err(later) => buckets = later,
            }
        }
    }
}

impl<C: Clock, const BUCKETS: usize, const SLOW: bool, S: Fn() -> usize> Window
    for ExactTimeWindow<C, BUCKETS, SLOW, S>
{
    const KIND: Kind = Kind::Time { buckets: BUCKETS as u32, calls: true, capacity: CAPACITY };
    const NAME: &'static str = "ExactTimeWindow";
    const SLOW: bool = SLOW;

    fn record(
        &self,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally> {
        self.record_by(None, tenure, reach, call)
    }

    #[inline(always)]
    fn try_success(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> bool {
        // As in `record_by`.
        let Some(now) = self.clock.now_64() else { return false };
        let Some(cell) = self.cells.own((self.thread)()) else { return false };
        let Some(number) = self.tenures.begun(tenure) else { return false };
        cell.try_success(number, reach.bucket.into(), now)
    }

    fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally {
        let Some(number) = self.tenures.begun(tenure) else { return Tally::default() };
        self.sum(number, reach.bucket.into(), self.now())
    }

    fn begin(&self, tenure: Tenure<'_>, _: &Reach<impl Fn() -> u32>) {
        self.tenures.number_of(tenure);
    }
}

impl<C: Clock, const BUCKETS: usize, const SLOW: bool, S: Fn() -> usize> ByPolicy
    for ExactTimeWindow<C, BUCKETS, SLOW, S>
{
    fn record_by(
        &self,
        policy: Option<&Policy>,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally> {
        let number = self.tenures.number_of(tenure)?;
        // Before the cell is looked at: a clock may do anything.
        let (now, bucket) = (self.now(), reach.bucket.into());
        // `Err` with what is known without adding up.
        let turn = self.cells.with((self.thread)(), |cell| {
            if !cell.record(number, bucket, now, call) {
                return Err(None);
            }
            if !(call.failed || call.slow) {
                return Err(Some(Tally::default()));
            }
            // Of the threads that pass this fence, the last one sees what all of them have
            // counted, because it orders their stores before its loads. Without it, each of
            // them may read the others' cells, or whether they have a share, as they were
            // before.
            fence(Ordering::SeqCst);
            let Some(policy) = policy else { return Ok(None) };
            if cell.share.take(policy.number, &self.shares) {
                return Err(Some(Tally::default()));
            }
            // While the cell is this thread's: the next one takes it for one that knows the
            // policy, and must not find a share of before.
            Ok(Some((policy, self.shares.revoke())))
        });
        let (policy, turn) = match turn {
            Ok(Some(both)) => both,
            Ok(None) => return Some(self.sum(number, bucket, now)),
            Err(known) => return known,
        };
        // A thread that passes the fence above before this one has its failure in the sum,
        // and one that passes it after this finds its share revoked.
        fence(Ordering::SeqCst);
        let tally = self.sum(number, bucket, now);
        // Not if the tenure is over, or the policy by a reload: others may count in another
        // already.
        if tenure.is_current() && self.tenures.begun(tenure) == Some(number) {
            self.shares.give(turn, policy.share(tally, self.cells.count()));
        }
        Some(tally)
    }
}

impl<C, const BUCKETS: usize, const SLOW: bool, S> fmt::Debug
    for ExactTimeWindow<C, BUCKETS, SLOW, S>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExactTimeWindow").field("buckets", &BUCKETS).finish_non_exhaustive()
    }
}
