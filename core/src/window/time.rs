//! The last B buckets of T ticks.

use super::{Call, Kind, Span, Tally, Tenure, Window};
use crate::clock::elapsed;
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
/// Up to 1,023 calls in a bucket the counts are exact. When they would overflow
/// they are halved together, so that their ratio stays true however many calls
/// there are: a bucket then stands for its last five hundred to thousand calls,
/// and recent calls in it count up to twice as much as earlier ones. Where the
/// clock wraps, the bucket before tick 0 is cut short.
///
/// # Cost
///
/// `8 + 4 * BUCKETS` bytes. An outcome is one compare-and-swap; a failure also
/// loads every bucket. The first outcome of a bucket empties those that have
/// passed. All lock-free.
pub struct TimeWindow<const BUCKETS: usize, const CALLS: bool = true> {
    /// `slot of the newest bucket (2 to 7) | low bits of the generation (7 to 2) |
    /// low bits of the tick at which the bucket starts (23)`
    ///
    /// It moves on from slot to slot. Only the bucket that it points at changes;
    /// before it moves on, that bucket is frozen and the ones to come, up to and
    /// including the new newest one, are emptied. The slot it leaves is never
    /// among them: there is one more than the window has buckets.
    ///
    /// Whoever empties the first of them decides the high bits of the start, see
    /// [`Bucket::agreed`].
    cursor: AtomicU32,
    /// `tag (9) | lap (2) | frozen (1) | failed (10) | calls (10)`, or while there
    /// is no call `tag (9) | lap (2) | frozen (1) | emptied from (10) | 0 (10)`
    ///
    /// The tag is the tenure's generation plus the high bits of the start tick,
    /// so that the newest bucket and the cursor together tell the whole tick.
    /// The lap counts how often the slot was emptied: a thread that slept
    /// through that finds another word.
    buckets: [AtomicU32; BUCKETS],
    /// The one more.
    spare: AtomicU32,
}

/// [`TimeWindow`] that remembers failures only: a success writes nothing.
pub type FailureWindow<const BUCKETS: usize> = TimeWindow<BUCKETS, false>;

const START_BITS: u32 = 23;
const LOW_BITS: u32 = (1 << START_BITS) - 1;
const MAX_BUCKETS: usize = 126;

/// One value of the cursor.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Cursor<const BUCKETS: usize>(u32);

impl<const BUCKETS: usize> Cursor<BUCKETS> {
    /// Of no tenure: there is no such slot.
    const INITIAL: Self = Self(u32::MAX);
    /// What the slots and the one of `INITIAL` leave over is the generation's.
    const SLOT_SHIFT: u32 = (BUCKETS as u32 + 1).leading_zeros();
    const GENERATIONS: u32 = 1 << (Self::SLOT_SHIFT - START_BITS);

    const fn new(tenure: Tenure<'_>, slot: usize, start: u32) -> Self {
        let generation = (tenure.generation() as u32 % Self::GENERATIONS) << START_BITS;
        Self((slot as u32) << Self::SLOT_SHIFT | generation | (start & LOW_BITS))
    }

    const fn slot(self) -> usize {
        (self.0 >> Self::SLOT_SHIFT) as usize
    }

    /// The slot and the bits of the generation.
    const fn place(self) -> u32 {
        self.0 >> START_BITS
    }

    const fn is_of(self, tenure: Tenure<'_>) -> bool {
        let generation = self.place() % Self::GENERATIONS;
        self.0 != Self::INITIAL.0 && generation == tenure.generation() as u32 % Self::GENERATIONS
    }

    /// The tick at which the newest bucket starts, of which `bucket` has the
    /// high bits.
    const fn start(self, tenure: Tenure<'_>, bucket: Bucket) -> u32 {
        bucket.block(tenure) | (self.0 & LOW_BITS)
    }
}

/// One value of a bucket.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Bucket(u32);

impl Bucket {
    const COUNT: u32 = (1 << 10) - 1;
    const FAILED_SHIFT: u32 = 10;
    const FROZEN: u32 = 1 << 20;
    const ONE_LAP: u32 = 1 << 21;
    const LAP: u32 = 0b11 << 21;
    const TAG_SHIFT: u32 = 23;

    /// This slot emptied from a place of the cursor, for the bucket of `tenure` that
    /// starts at `start`.
    const fn emptied(self, place: u32, tenure: Tenure<'_>, start: u32) -> Self {
        let tag = (tenure.generation() as u32).wrapping_add(start >> START_BITS);
        let lap = self.0.wrapping_add(Self::ONE_LAP) & Self::LAP;
        Self(tag << Self::TAG_SHIFT | lap | place << Self::FAILED_SHIFT)
    }

    const fn is_emptied_from(self, place: u32) -> bool {
        self.0 % Self::ONE_LAP == place << Self::FAILED_SHIFT
    }

    /// The high bits of the tick at which the bucket starts.
    const fn block(self, tenure: Tenure<'_>) -> u32 {
        (self.0 >> Self::TAG_SHIFT).wrapping_sub(tenure.generation() as u32) << START_BITS
    }

    /// Where the bucket in the slot after the cursor's may start: at `wanted`, or if the
    /// slot was emptied from there with other high bits, at the nearest start that
    /// has those; but later than the cursor's, which is at `from` if it is of this
    /// tenure.
    ///
    /// So everybody who moves the cursor on from one place gives it the same high
    /// bits, and they match the slot's whoever comes first.
    const fn agreed(
        self,
        place: u32,
        tenure: Tenure<'_>,
        from: Option<u32>,
        wanted: u32,
        ticks: u32,
    ) -> u32 {
        let block = self.block(tenure);
        let last = aligned(block | LOW_BITS, ticks);
        let is_later = match from {
            // If not, it was emptied when the cursor was here the last time round.
            Some(from) => last.wrapping_sub(from).cast_signed().is_positive(),
            None => true,
        };
        if !self.is_emptied_from(place) || !is_later || wanted & !LOW_BITS == block {
            wanted
        } else if wanted.wrapping_sub(last).cast_signed().is_positive() {
            last
        } else {
            block.wrapping_add(last.wrapping_sub(block) % ticks)
        }
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
        if self.calls() == 0 { 0 } else { (self.0 >> Self::FAILED_SHIFT) & Self::COUNT }
    }

    /// With one more call; the counts are halved first if they would overflow.
    const fn push(self, failed: bool) -> Self {
        let (mut calls, mut failures) = (self.calls(), self.failed());
        if calls == Self::COUNT {
            calls /= 2;
            failures /= 2;
        }
        let counts = (failures + failed as u32) << Self::FAILED_SHIFT | (calls + 1);
        Self(self.0 & !(Self::COUNT << Self::FAILED_SHIFT | Self::COUNT) | counts)
    }
}

/// The newest bucket as somebody saw it.
#[derive(Clone, Copy)]
struct Newest<const BUCKETS: usize> {
    cursor: Cursor<BUCKETS>,
    /// The tick it starts at.
    start: u32,
    bucket: Bucket,
    /// How many buckets have begun since.
    passed: u32,
}

impl<const BUCKETS: usize, const CALLS: bool> TimeWindow<BUCKETS, CALLS> {
    const CHECKED: () =
        assert!(BUCKETS >= 1 && BUCKETS <= MAX_BUCKETS, "a TimeWindow has 1 to 126 buckets");

    /// An empty window.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::CHECKED;
        Self {
            cursor: AtomicU32::new(Cursor::<BUCKETS>::INITIAL.0),
            buckets: [const { AtomicU32::new(0) }; BUCKETS],
            spare: AtomicU32::new(0),
        }
    }

    /// An empty window.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        let () = Self::CHECKED;
        Self {
            cursor: AtomicU32::new(Cursor::<BUCKETS>::INITIAL.0),
            buckets: core::array::from_fn(|_| AtomicU32::new(0)),
            spare: AtomicU32::new(0),
        }
    }

    fn slot(&self, slot: usize) -> &AtomicU32 {
        self.buckets.get(slot).unwrap_or(&self.spare)
    }

    /// The cursor, and the bucket it points at. They belong together.
    fn look(&self) -> (Cursor<BUCKETS>, Bucket) {
        loop {
            let cursor = Cursor(self.cursor.load(Ordering::Acquire));
            let bucket = Bucket(self.slot(cursor.slot()).load(Ordering::Acquire));
            // The slot is not emptied while the cursor points at it. Relaxed: it is
            // the value that was acquired above, or of no use.
            if self.cursor.load(Ordering::Relaxed) == cursor.0 {
                return (cursor, bucket);
            }
        }
    }

    /// What the newest bucket is at `now`.
    fn newest_at(
        tenure: Tenure<'_>,
        (cursor, bucket): (Cursor<BUCKETS>, Bucket),
        ticks: u32,
        now: u32,
    ) -> Newest<BUCKETS> {
        let start = cursor.start(tenure, bucket);
        let passed = if elapsed(now, start) == 0 {
            0
        } else {
            buckets_between(start, aligned(now, ticks), ticks)
        };
        Newest { cursor, start, bucket, passed }
    }

    /// The newest bucket of `tenure` now, ready for an outcome. `None` if the
    /// tenure is over.
    fn newest(&self, tenure: Tenure<'_>, span: &Span<impl Fn() -> u32>) -> Option<Newest<BUCKETS>> {
        loop {
            let seen = self.look();
            // Checked after that: if what was seen is of a later tenure, the state
            // has moved on, and this sees it.
            if !tenure.is_current() {
                return None;
            }
            let (cursor, bucket) = seen;
            // Read after the bucket: it cannot be earlier than that by more
            // than a step back.
            let now = (span.now)();
            let mut start = aligned(now, span.bucket);
            let mut from = None;
            if cursor.is_of(tenure) {
                let newest = Self::newest_at(tenure, seen, span.bucket, now);
                if newest.passed == 0 {
                    if !bucket.is_frozen() {
                        return Some(newest);
                    }
                    // Somebody whose clock is ahead has frozen it: go along.
                    start = next_start(newest.start, span.bucket);
                }
                from = Some(newest.start);
            }
            // So that nothing more is recorded in it.
            if (bucket.is_frozen() || swap(self.slot(cursor.slot()), bucket.0, bucket.frozen().0))
                && let Some(newest) = self.move_on(tenure, span.bucket, cursor, from, start)
            {
                return Some(newest);
            }
        }
    }

    /// Begins a bucket at `wanted`: empties the slots between the one at `from` and
    /// it, all if there is none, oldest first, and moves the cursor to the last of
    /// them. `None` if somebody came first, or wanted another one.
    fn move_on(
        &self,
        tenure: Tenure<'_>,
        ticks: u32,
        cursor: Cursor<BUCKETS>,
        from: Option<u32>,
        wanted: u32,
    ) -> Option<Newest<BUCKETS>> {
        let mut slot = cursor.slot();
        let mut start = wanted;
        let mut bucket = Bucket(0);
        let (mut emptied, mut moves) = (0, BUCKETS as u32);
        while emptied < moves {
            slot = if slot >= BUCKETS { 0 } else { slot + 1 };
            // Whoever sees what is recorded here later sees the cursor moved.
            let seen = Bucket(self.slot(slot).load(Ordering::Acquire));
            // Checked after the bucket was loaded: while the cursor has not
            // moved nothing is recorded here, so this is an old bucket.
            if self.cursor.load(Ordering::Relaxed) != cursor.0 {
                return None;
            }
            if emptied == 0 {
                start = seen.agreed(cursor.place(), tenure, from, wanted, ticks);
                if let Some(from) = from {
                    moves = moves.min(buckets_between(from, start, ticks));
                }
            }
            // Even if it is empty: somebody may have looked at it from another place
            // of the cursor, and be about to empty it for what was wanted there.
            bucket = seen.emptied(cursor.place(), tenure, start);
            if !swap(self.slot(slot), seen.0, bucket.0) {
                return None;
            }
            emptied += 1;
        }
        let moved = Cursor::new(tenure, slot, start);
        // Nobody need look at the clock again: the swap of the bucket tells if
        // it is still the newest.
        (swap(&self.cursor, cursor.0, moved.0) && start == wanted).then_some(Newest {
            cursor: moved,
            start,
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
            // The same goes for whoever tallies this one later.
            add(Bucket(self.slot(slot).load(Ordering::Acquire)));
        }
        tally
    }
}

/// The start of the bucket that `now` is in.
const fn aligned(now: u32, ticks: u32) -> u32 {
    now - now % ticks
}

/// How many buckets from the one that starts at `from` to the one that starts at
/// `to`. Rounded up: where the clock wraps a bucket is cut short.
const fn buckets_between(from: u32, to: u32, ticks: u32) -> u32 {
    to.wrapping_sub(from).div_ceil(ticks)
}

/// The start of the bucket after the one that starts at `start`.
const fn next_start(start: u32, ticks: u32) -> u32 {
    match start.checked_add(ticks) {
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
            if swap(self.slot(newest.cursor.slot()), newest.bucket.0, bucket.0) {
                return Some(tally);
            }
        }
    }

    #[inline]
    fn is_quiet(&self, _: Tenure<'_>, _: &Span<impl Fn() -> u32>) -> bool {
        !CALLS
    }

    fn tally(&self, tenure: Tenure<'_>, span: &Span<impl Fn() -> u32>) -> Tally {
        let mut seen = self.look();
        loop {
            if !seen.0.is_of(tenure) {
                return Tally::default();
            }
            let newest = Self::newest_at(tenure, seen, span.bucket, (span.now)());
            let tally = self.scan(newest);
            seen = self.look();
            // None was emptied meanwhile: before that, the newest is frozen.
            if seen.0 == newest.cursor && seen.1.is_frozen() == newest.bucket.is_frozen() {
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
