//! The last B buckets of T ticks.

use super::{Call, Kind, Span, Tally, Tenure, Window};
use crate::clock::{STEP_BACK, elapsed};
use crate::sync::{AtomicU32, Ordering, swap};

/// The last `BUCKETS` buckets of [`Config::bucket`](crate::Config::bucket)
/// ticks each, the newest one still filling.
///
/// Buckets are aligned to tick 0; one bucket is a tumbling window. An outcome
/// is booked when it completes, in the newest bucket there is; a bucket is
/// forgotten at once when its time is up.
///
/// With `CALLS` false only failures are remembered and a success writes
/// nothing: [`FailureWindow`], enough for "k failures within T".
///
/// # Exactness
///
/// Up to 2,047 calls in a bucket the counts are exact. When they would overflow
/// they are halved together, so that their ratio stays true however many calls
/// there are: a bucket then stands for its last one to two thousand calls, and
/// recent calls in it count up to twice as much as earlier ones. Where the
/// clock wraps, the bucket before tick 0 is cut short.
///
/// # Cost
///
/// `4 + 4 * BUCKETS` bytes. An outcome is one compare-and-swap; a failure also
/// loads every bucket. The first outcome of a bucket empties those that have
/// passed. All lock-free.
pub struct TimeWindow<const BUCKETS: usize, const CALLS: bool = true> {
    /// `index of the newest bucket (7) | low bits of the generation (2) | low
    /// bits of the tick the bucket starts at, in units (23)`
    ///
    /// A unit is the greatest power of two up to the bucket's length, at most
    /// 2^9 ticks: it tells two starts apart, and the window is shorter than
    /// 2^23 of them unless they are all there are.
    cursor: AtomicU32,
    /// `tag (9) | frozen (1) | failed (11) | calls (11)`
    ///
    /// The tag is the tenure's generation plus the high bits of the start tick:
    /// the newest bucket and the cursor tell the whole tick, so no idle gap but
    /// one of a whole turn of the clock is taken for a short one. Every bucket
    /// is emptied before the cursor moves there and every tenure retags them
    /// all, so no word can sleep through a period of the tag.
    ///
    /// Before the cursor leaves a bucket it is frozen. Only the newest bucket
    /// ever changes, which makes a tally exact.
    buckets: [AtomicU32; BUCKETS],
}

/// [`TimeWindow`] that remembers failures only: a success writes nothing.
pub type FailureWindow<const BUCKETS: usize> = TimeWindow<BUCKETS, false>;

const START_BITS: u32 = 23;
const START: u32 = (1 << START_BITS) - 1;
const INDEX_SHIFT: u32 = START_BITS + 2;
const GENERATION: u32 = 0b11 << START_BITS;
const MAX_BUCKETS: usize = 128;

/// One value of a bucket.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Bucket(u32);

impl Bucket {
    const COUNT: u32 = (1 << 11) - 1;
    const FAILED_SHIFT: u32 = 11;
    const FROZEN: u32 = 1 << 22;
    const TAG_SHIFT: u32 = 23;

    /// The empty bucket of the tenure that starts at tick `start` and is
    /// `bucket` ticks long.
    const fn empty(tenure: Tenure<'_>, start: u32, bucket: u32) -> Self {
        let high = start >> unit_bits(bucket) >> START_BITS;
        let tag = (tenure.generation() as u32).wrapping_add(high);
        Self(tag << Self::TAG_SHIFT)
    }

    const fn has_tag_of(self, other: Self) -> bool {
        (self.0 ^ other.0) >> Self::TAG_SHIFT == 0
    }

    const fn is_frozen(self) -> bool {
        self.0 & Self::FROZEN != 0
    }

    const fn frozen(self) -> Self {
        Self(self.0 | Self::FROZEN)
    }

    const fn calls(self) -> u32 {
        self.0 & Self::COUNT
    }

    const fn failed(self) -> u32 {
        (self.0 >> Self::FAILED_SHIFT) & Self::COUNT
    }

    /// With one more call; both counts are halved if one would overflow.
    const fn push(self, failed: bool) -> Self {
        let (mut calls, mut failures) = (self.calls() + 1, self.failed() + failed as u32);
        if calls > Self::COUNT {
            calls /= 2;
            failures /= 2;
        }
        let tag = self.0 >> Self::TAG_SHIFT << Self::TAG_SHIFT;
        Self(tag | failures << Self::FAILED_SHIFT | calls)
    }
}

/// The newest bucket as somebody saw it.
#[derive(Clone, Copy)]
struct Newest {
    cursor: u32,
    index: usize,
    /// The tick it starts at.
    start: u32,
    bucket: Bucket,
    /// How many buckets have begun since.
    passed: u32,
}

impl<const BUCKETS: usize, const CALLS: bool> TimeWindow<BUCKETS, CALLS> {
    const CHECKED: () =
        assert!(BUCKETS >= 1 && BUCKETS <= MAX_BUCKETS, "a TimeWindow has 1 to 128 buckets");

    /// An empty window.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::CHECKED;
        Self { cursor: AtomicU32::new(0), buckets: [const { AtomicU32::new(0) }; BUCKETS] }
    }

    /// An empty window.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        let () = Self::CHECKED;
        let buckets = core::array::from_fn(|_| AtomicU32::new(0));
        Self { cursor: AtomicU32::new(0), buckets }
    }

    const fn cursor(tenure: Tenure<'_>, index: usize, start: u32, bucket: u32) -> u32 {
        let generation = ((tenure.generation() as u32) << START_BITS) & GENERATION;
        (index as u32) << INDEX_SHIFT | generation | (start >> unit_bits(bucket)) & START
    }

    /// Looks at the newest bucket, and at the clock after it: the tick cannot
    /// be earlier than the bucket by more than a step back.
    ///
    /// `None` if the bucket is of another tenure, or of another turn of the
    /// low bits of the clock.
    fn look(
        &self,
        tenure: Tenure<'_>,
        span: &Span<impl Fn() -> u32>,
    ) -> (u32, u32, Option<Newest>) {
        let cursor = self.cursor.load(Ordering::Acquire);
        let index = (cursor >> INDEX_SHIFT) as usize % BUCKETS;
        let bucket = Bucket(self.buckets[index].load(Ordering::Acquire));
        let now = (span.now)();
        let unit_bits = unit_bits(span.bucket);
        let units = now >> unit_bits;
        let since = units.wrapping_sub(cursor) & START;
        // Sign-extended: a step back puts the start into the future.
        let back = since >= START - (STEP_BACK >> unit_bits);
        let since = if back { since | !START } else { since };
        let start = round_up(units.wrapping_sub(since) << unit_bits, span.bucket);
        let tenures = (cursor ^ Self::cursor(tenure, 0, 0, span.bucket)) & GENERATION;
        if tenures != 0 || !bucket.has_tag_of(Bucket::empty(tenure, start, span.bucket)) {
            return (cursor, now, None);
        }
        // Rounded up: where the clock wraps a bucket is cut short.
        let aligned = if elapsed(now, start) == 0 { start } else { now - now % span.bucket };
        let passed = aligned.wrapping_sub(start).div_ceil(span.bucket);
        (cursor, now, Some(Newest { cursor, index, start, bucket, passed }))
    }

    /// The newest bucket of `tenure` at this tick, ready for an outcome.
    /// `None` if the tenure is over.
    fn newest(&self, tenure: Tenure<'_>, span: &Span<impl Fn() -> u32>) -> Option<Newest> {
        loop {
            let (cursor, now, newest) = self.look(tenure, span);
            let Some(newest) = newest else {
                // Checked after the bucket was loaded: if that belongs to a
                // later tenure, the state has moved on, and this sees it.
                if !tenure.is_current() {
                    return None;
                }
                let index = (cursor >> INDEX_SHIFT) as usize % BUCKETS;
                self.move_to(
                    tenure,
                    span.bucket,
                    cursor,
                    index,
                    now - now % span.bucket,
                    BUCKETS as u32,
                );
                continue;
            };
            if newest.passed == 0 && !newest.bucket.is_frozen() {
                return Some(newest);
            }
            if !newest.bucket.is_frozen()
                && !swap(&self.buckets[newest.index], newest.bucket.0, newest.bucket.frozen().0)
            {
                continue;
            }
            // Somebody whose clock is ahead has frozen it: go along.
            let passed = newest.passed.max(1);
            let index = (newest.index + (passed as usize % BUCKETS)) % BUCKETS;
            let start = if newest.passed == 0 {
                next_start(newest.start, span.bucket)
            } else {
                now - now % span.bucket
            };
            self.move_to(
                tenure,
                span.bucket,
                newest.cursor,
                index,
                start,
                passed.min(BUCKETS as u32),
            );
        }
    }

    /// Empties the `count` buckets up to `index` and moves the cursor there,
    /// unless somebody came first.
    fn move_to(
        &self,
        tenure: Tenure<'_>,
        ticks: u32,
        cursor: u32,
        index: usize,
        start: u32,
        count: u32,
    ) {
        let empty = Bucket::empty(tenure, start, ticks);
        for back in 0..count as usize {
            let slot = &self.buckets[(index + BUCKETS - back) % BUCKETS];
            let bucket = Bucket(slot.load(Ordering::Acquire));
            // Checked after the bucket was loaded: nothing is recorded in it,
            // in this tenure or a later one, before the cursor moves.
            if self.cursor.load(Ordering::Acquire) != cursor || !tenure.is_current() {
                return;
            }
            if bucket != empty && !swap(slot, bucket.0, empty.0) {
                return;
            }
        }
        let moved = Self::cursor(tenure, index, start, ticks);
        swap(&self.cursor, cursor, moved);
    }

    /// Tallies the window whose newest bucket is `newest`.
    fn scan(&self, newest: Newest) -> Tally {
        let mut tally = Tally::default();
        let mut add = |bucket: Bucket| {
            tally.calls += if CALLS { bucket.calls() } else { bucket.failed() };
            tally.failed += bucket.failed();
        };
        let kept = (BUCKETS as u32).saturating_sub(newest.passed) as usize;
        if kept > 0 {
            add(newest.bucket);
        }
        for back in 1..kept {
            let slot = &self.buckets[(newest.index + BUCKETS - back) % BUCKETS];
            add(Bucket(slot.load(Ordering::Acquire)));
        }
        tally
    }
}

/// A cursor counts starts of buckets that are `bucket` ticks long in units of
/// 2 to the power of this.
const fn unit_bits(bucket: u32) -> u32 {
    // The place of the highest bit. `| 1` only tells the compiler that there is
    // one.
    let bits = 31 - (bucket | 1).leading_zeros();
    if bits < u32::BITS - START_BITS { bits } else { u32::BITS - START_BITS }
}

/// The first multiple of `bucket` from `start` on.
const fn round_up(start: u32, bucket: u32) -> u32 {
    match start % bucket {
        0 => start,
        rest => start.wrapping_add(bucket - rest),
    }
}

/// The start of the bucket after the one that starts at `start`.
const fn next_start(start: u32, bucket: u32) -> u32 {
    match start.checked_add(bucket) {
        Some(next) => next,
        None => 0,
    }
}

impl<const BUCKETS: usize, const CALLS: bool> Window for TimeWindow<BUCKETS, CALLS> {
    const KIND: Kind = Kind::Time { buckets: BUCKETS as u32, calls: CALLS };

    fn record(
        &self,
        tenure: Tenure<'_>,
        span: &Span<impl Fn() -> u32>,
        call: Call,
    ) -> Option<Tally> {
        if !CALLS && !call.failed {
            return Some(Tally::default());
        }
        loop {
            let newest = self.newest(tenure, span)?;
            let bucket = newest.bucket.push(call.failed);
            // Tallied before it is swapped in: if the swap succeeds, nothing
            // entered in between, and the tally is exact.
            let tally =
                if call.failed { self.scan(Newest { bucket, ..newest }) } else { Tally::default() };
            if swap(&self.buckets[newest.index], newest.bucket.0, bucket.0) {
                return Some(tally);
            }
        }
    }

    fn tally(&self, tenure: Tenure<'_>, span: &Span<impl Fn() -> u32>) -> Tally {
        loop {
            let (cursor, _, newest) = self.look(tenure, span);
            let tally = newest.map_or(Tally::default(), |newest| self.scan(newest));
            if self.cursor.load(Ordering::Relaxed) == cursor {
                return tally;
            }
        }
    }

    fn begin(&self, tenure: Tenure<'_>, span: &Span<impl Fn() -> u32>) {
        self.newest(tenure, span);
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
