//! The last B buckets of T ticks each.

mod layout;

use layout::{Bucket, Cursor, buckets_between, next_start};

use super::{Kind, Reach, Tenure, Window};
use crate::clock::elapsed;
use crate::sync::{AtomicU32, Ordering, atomics, const_fn, swap};
use crate::tally::{Record, Tally};

/// The highest count that is always reached: counts that would overflow are halved.
pub(crate) const MAX_COUNT: u32 = 1 << 9;

/// The last `BUCKETS` buckets of [`Config::bucket`](crate::Config::bucket)
/// ticks each, the newest one still filling.
///
/// Buckets are aligned to tick 0; a single bucket is a tumbling window. An
/// outcome is recorded when its call ends, in the newest bucket; a bucket is
/// forgotten as soon as its time is up.
///
/// With `CALLS` false the window remembers only failures and a success writes
/// nothing: that is [`FailureWindow`], enough for "k failures within T".
///
/// ```
/// use microbreaker::{Breaker, Config, TimeWindow, clock::ManualClock};
///
/// static MILLIS: ManualClock = ManualClock::new(0);
/// // Ten buckets of 6 seconds: the last minute.
/// static UPSTREAM: Breaker<TimeWindow<10>, &ManualClock> = Breaker::new(
///     Config::new().failure_rate(50).min_calls(10).bucket(6_000).open_for(500),
///     TimeWindow::new(),
///     &MILLIS,
/// );
/// let _ = UPSTREAM.call(|| Ok::<_, ()>(21));
/// MILLIS.advance(59_999);
/// assert_eq!(UPSTREAM.tally().calls, 1);
/// MILLIS.advance(1);
/// assert_eq!(UPSTREAM.tally().calls, 0);
/// ```
///
/// # Exactness
///
/// Counts are exact up to 1,023 calls in a bucket. When they would overflow, both
/// are halved, and what is odd is rounded to the even half. So a bucket then stands
/// for 512 to 1,023 of its calls, recent ones more than earlier ones, however many
/// there were. Rates of 1 of 500 and more stay true: at 100,000 calls a bucket in a
/// `TimeWindow<10>`, 1 of 100 reads as 1 of 100, and 1 of 506 as 1 of 512. A lone
/// failure is rounded away, so lower rates read too low: 1 of 1,013 as 1 of 1,854,
/// and 1 of 2,022 as 1 of 5,037.
///
/// And a sample of 512 calls scatters. While the window has only one bucket with
/// calls, it is the whole sample: there `failure_ratio(1, 1_000)` is met by almost
/// any failure, whatever the rate. For fine ratios of many calls see the windows of
/// `microbreaker-std`, which count all of them.
///
/// When the clock wraps, the bucket before tick 0 is cut short.
///
/// # Cost
///
/// `8 + 4 * BUCKETS` bytes. An outcome is one compare-and-swap; a failure also
/// loads every bucket. The first outcome in a new bucket also empties the
/// buckets that have expired. All lock-free.
pub struct TimeWindow<const BUCKETS: usize, const CALLS: bool = true> {
    /// `slot of the newest bucket (2 to 7) | low bits of the generation (7 to 2) |
    /// low bits of a tick in it (23)`
    ///
    /// The cursor moves from slot to slot. Only the bucket it points at changes.
    /// Before it moves on, that bucket is frozen and the following ones, up to and
    /// including the new newest one, are emptied. The slot it leaves is never
    /// among them: there is one more slot than the window has buckets.
    ///
    /// The thread that empties the first of them decides the high bits of the
    /// tick, see [`Bucket::agreed`].
    cursor: AtomicU32,
    /// `tag (9) | lap (2) | frozen (1) | failed (10) | calls (10)`, or before the
    /// first call `tag (9) | lap (2) | frozen (1) | emptied from (10) | 0 (10)`
    ///
    /// The tag is the tenure's generation plus the high bits of a tick in the bucket,
    /// so the newest bucket and the cursor together give the whole tick. The lap
    /// counts how often the slot was emptied: a thread that slept through that
    /// finds a different word.
    buckets: [AtomicU32; BUCKETS],
    /// The extra slot.
    spare: AtomicU32,
}

/// A [`TimeWindow`] that remembers only failures: a success writes nothing.
///
/// ```
/// use microbreaker::{Breaker, Config, FailureWindow, Phase};
///
/// // Three failures within ten buckets of 100 ticks.
/// static SENSOR: Breaker<FailureWindow<10>, fn() -> u32> = Breaker::new(
///     Config::new().failures_in_window(3).bucket(100).open_for(500),
///     FailureWindow::new(),
///     || 0,
/// );
/// for answer in [Err(()), Ok(21), Err(()), Ok(21), Err(())] {
///     let _ = SENSOR.call(|| answer);
/// }
/// assert_eq!(SENSOR.phase(), Phase::Open);
/// ```
pub type FailureWindow<const BUCKETS: usize> = TimeWindow<BUCKETS, false>;

const MAX_BUCKETS: usize = 126;

/// The newest bucket as one thread saw it.
#[derive(Clone, Copy)]
struct Newest<const BUCKETS: usize> {
    cursor: Cursor<BUCKETS>,
    /// A tick in it.
    tick: u32,
    bucket: Bucket,
    /// How many buckets have begun since.
    passed: u32,
}

impl<const BUCKETS: usize, const CALLS: bool> TimeWindow<BUCKETS, CALLS> {
    const CHECKED: () =
        assert!(BUCKETS >= 1 && BUCKETS <= MAX_BUCKETS, "a TimeWindow has 1 to 126 buckets");

    const_fn! {
        /// An empty window.
        #[must_use]
        pub const fn new() -> Self {
            let () = Self::CHECKED;
            Self {
                cursor: AtomicU32::new(Cursor::<BUCKETS>::INITIAL.0),
                buckets: atomics![0; BUCKETS],
                spare: AtomicU32::new(0),
            }
        }
    }

    fn slot(&self, slot: usize) -> &AtomicU32 {
        self.buckets.get(slot).unwrap_or(&self.spare)
    }

    /// The cursor and the bucket it points at, both as they were at one moment.
    fn look(&self) -> (Cursor<BUCKETS>, Bucket) {
        loop {
            // Acquire: pairs with the swap of the cursor in `move_on`. A thread that sees
            // the cursor moved also sees the bucket that was emptied for it and, if a
            // tenure began there, that the state had moved on.
            let cursor = Cursor(self.cursor.load(Ordering::Acquire));
            // Acquire: pairs with the swaps of the bucket. A thread that sees the slot
            // emptied again, or what was recorded there after that, also sees, at the
            // second load of the cursor, that the cursor had left the slot.
            let bucket = Bucket(self.slot(cursor.slot()).load(Ordering::Acquire));
            // If the cursor still points at the slot, that was not emptied meanwhile.
            // Relaxed: this load returns either the value acquired above, or one that is
            // only compared and dropped.
            if self.cursor.load(Ordering::Relaxed) == cursor.0 {
                return (cursor, bucket);
            }
        }
    }

    /// The newest bucket that was seen, as it is at `now`.
    fn newest_at(
        tenure: Tenure<'_>,
        (cursor, bucket): (Cursor<BUCKETS>, Bucket),
        ticks: u32,
        now: u32,
    ) -> Newest<BUCKETS> {
        let tick = cursor.tick(tenure, bucket);
        let passed = if elapsed(now, tick) == 0 { 0 } else { buckets_between(tick, now, ticks) };
        Newest { cursor, tick, bucket, passed }
    }

    /// The current bucket of `tenure`, ready for an outcome. `None` if the tenure
    /// is over.
    fn newest(
        &self,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
    ) -> Option<Newest<BUCKETS>> {
        loop {
            let seen = self.look();
            // Checked after the loads: if they saw a later tenure, the state has
            // moved on, and this check sees it.
            if !tenure.is_current() {
                return None;
            }
            let (cursor, bucket) = seen;
            // The clock is read after the bucket: it cannot be earlier than the
            // bucket by more than a step back.
            let now = (reach.now)();
            let mut wanted = now;
            let mut from = None;
            if cursor.is_of(tenure) {
                let newest = Self::newest_at(tenure, seen, reach.bucket, now);
                if newest.passed == 0 {
                    if !bucket.is_frozen() {
                        return Some(newest);
                    }
                    // A thread whose clock is ahead has frozen it: follow.
                    wanted = next_start(newest.tick, reach.bucket);
                }
                from = Some(newest.tick);
            }
            // Frozen, so that nothing more is recorded in it.
            if (bucket.is_frozen() || swap(self.slot(cursor.slot()), bucket.0, bucket.frozen().0))
                && let Some(newest) = self.move_on(tenure, reach.bucket, cursor, from, wanted)
            {
                return Some(newest);
            }
        }
    }

    /// Starts the bucket that contains `wanted`: empties the slots after the one that
    /// contains `from` (all slots, if there is none), oldest first, and moves the cursor
    /// to the last of them. `None` if another thread came first, or decided on another
    /// tick.
    fn move_on(
        &self,
        tenure: Tenure<'_>,
        ticks: u32,
        cursor: Cursor<BUCKETS>,
        from: Option<u32>,
        wanted: u32,
    ) -> Option<Newest<BUCKETS>> {
        let mut slot = cursor.slot();
        let mut tick = wanted;
        let mut bucket = Bucket(0);
        let (mut emptied, mut moves) = (0, BUCKETS as u32);
        while emptied < moves {
            slot = if slot >= BUCKETS { 0 } else { slot + 1 };
            // Acquire: pairs with the swap that records. A thread that sees an
            // outcome recorded here later also sees that the cursor has moved.
            let seen = Bucket(self.slot(slot).load(Ordering::Acquire));
            // Checked after the load of the bucket: nothing is recorded here until
            // the cursor has moved, so this is an old bucket.
            if self.cursor.load(Ordering::Relaxed) != cursor.0 {
                return None;
            }
            if emptied == 0 {
                tick = seen.agreed(cursor.place(), tenure, from, wanted, ticks);
                if let Some(from) = from {
                    moves = moves.min(buckets_between(from, tick, ticks));
                }
            }
            // Emptied even if it is empty already: another thread may have seen it from
            // another place of the cursor, and be about to empty it for the tick it
            // wanted from there.
            bucket = seen.emptied(cursor.place(), tenure, tick);
            if !swap(self.slot(slot), seen.0, bucket.0) {
                return None;
            }
            emptied += 1;
        }
        let moved = Cursor::new(tenure, slot, tick);
        // No need to read the clock again: the swap of the bucket shows whether it
        // is still the newest.
        (swap(&self.cursor, cursor.0, moved.0) && tick == wanted).then_some(Newest {
            cursor: moved,
            tick,
            bucket,
            passed: 0,
        })
    }

    /// Tallies the window whose newest bucket is `newest`.
    fn scan(&self, newest: Newest<BUCKETS>) -> Tally {
        let mut tally = Tally::default();
        let mut add = |bucket: Bucket| {
            tally.calls += if CALLS { bucket.calls() } else { bucket.failed() };
            tally.failed += bucket.failed();
        };
        let kept = (BUCKETS as u32).saturating_sub(newest.passed) as usize;
        if kept > 0 {
            add(newest.bucket);
        }
        let mut slot = newest.cursor.slot();
        for _ in 1..kept {
            slot = if slot == 0 { BUCKETS } else { slot - 1 };
            // Acquire: pairs with the swap of the bucket in `move_on`. A thread that
            // sees a bucket emptied for its next use must also see that the cursor had
            // moved or that the newest bucket was frozen.
            add(Bucket(self.slot(slot).load(Ordering::Acquire)));
        }
        tally
    }
}

impl<const BUCKETS: usize, const CALLS: bool> Window for TimeWindow<BUCKETS, CALLS> {
    const KIND: Kind = Kind::Time { buckets: BUCKETS as u32, calls: CALLS, capacity: MAX_COUNT };
    const NAME: &'static str = if CALLS { "TimeWindow" } else { "FailureWindow" };

    fn record(
        &self,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally> {
        if !CALLS && !call.failed {
            return Some(Tally::default());
        }
        loop {
            let newest = self.newest(tenure, reach)?;
            let bucket = newest.bucket.push(call.failed);
            // Tallied before the swap: if the swap succeeds, nothing entered in
            // between, and the tally is exact.
            let tally =
                if call.failed { self.scan(Newest { bucket, ..newest }) } else { Tally::default() };
            if swap(self.slot(newest.cursor.slot()), newest.bucket.0, bucket.0) {
                return Some(tally);
            }
        }
    }

    #[inline]
    fn is_quiet(&self, _: Tenure<'_>, _: &Reach<impl Fn() -> u32>) -> bool {
        !CALLS
    }

    fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally {
        let mut seen = self.look();
        loop {
            if !seen.0.is_of(tenure) {
                return Tally::default();
            }
            let newest = Self::newest_at(tenure, seen, reach.bucket, (reach.now)());
            let tally = self.scan(newest);
            seen = self.look();
            // If neither the cursor moved nor the newest bucket was frozen, no bucket was
            // emptied meanwhile: the newest is frozen first.
            if seen.0 == newest.cursor && seen.1.is_frozen() == newest.bucket.is_frozen() {
                return tally;
            }
        }
    }

    fn begin(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
        self.newest(tenure, reach);
    }
}

impl<const BUCKETS: usize, const CALLS: bool> Default for TimeWindow<BUCKETS, CALLS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BUCKETS: usize, const CALLS: bool> core::fmt::Debug for TimeWindow<BUCKETS, CALLS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TimeWindow").field("buckets", &BUCKETS).finish_non_exhaustive()
    }
}
