//! The counts of one thread.

use std::array;

use microbreaker::window::Record;

use super::shares::Share;
use crate::sync::atomic::{AtomicU64, Ordering};

/// The counts of one thread: others only read them.
///
/// A count never goes back. It holds a total, and a mark of what the total was when each
/// bucket began; what was counted since then is the difference. So a new bucket or tenure
/// clears nothing, and nobody but the thread writes.
///
/// On cache lines of its own: two, because processors fetch them in pairs.
#[repr(align(128))]
pub(super) struct Cell<const BUCKETS: usize> {
    /// The number of the tenure in which the thread last counted.
    tenure: AtomicU64,
    /// The first tick of the bucket in which it last counted.
    start: AtomicU64,
    counts: [Counted<BUCKETS>; 3],
    pub(super) share: Share,
}

/// What is counted, each by itself: a call is one of the first two, and may be slow.
#[derive(Clone, Copy)]
pub(super) enum Count {
    Succeeded,
    Failed,
    Slow,
}

struct Counted<const BUCKETS: usize> {
    total: AtomicU64,
    /// Each in the place of its bucket's number modulo `BUCKETS`.
    marks: [AtomicU64; BUCKETS],
}

/// What a total was when a bucket began: `low bits of the bucket's number (24) | low bits of
/// the total (40)`.
///
/// While its thread goes on to another bucket, the number tells that from the bucket that is
/// looked for, unless there are 2^24 buckets of silence between the two or a multiple of that.
struct Mark;

impl Mark {
    const TOTAL: u64 = (1 << 40) - 1;

    const fn of(bucket: u64, total: u64) -> u64 {
        bucket << 40 | total & Self::TOTAL
    }

    /// What was counted from the bucket to `total`. `None` if `mark` is another bucket's.
    const fn until(mark: u64, bucket: u64, total: u64) -> Option<u64> {
        if mark >> 40 != bucket & u64::MAX >> 40 {
            return None;
        }
        let since = total.wrapping_sub(mark) & Self::TOTAL;
        // A total from before the mark: the tenure is over, and nothing depends on it.
        Some(if since > Self::TOTAL / 2 { 0 } else { since })
    }
}

/// The buckets of a window.
#[derive(Clone, Copy)]
pub(super) struct Buckets<const BUCKETS: usize> {
    /// Buckets are counted from `BUCKETS`, so that there always are as many.
    newest: u64,
    ticks: u64,
}

impl<const BUCKETS: usize> Buckets<BUCKETS> {
    const COUNT: u64 = BUCKETS as u64;

    pub(super) const fn until(now: u64, ticks: u64) -> Self {
        Self { newest: now / ticks + Self::COUNT, ticks }
    }

    const fn oldest(self) -> u64 {
        self.newest - (Self::COUNT - 1)
    }
}

impl<const BUCKETS: usize> Counted<BUCKETS> {
    fn new() -> Self {
        Self { total: AtomicU64::new(0), marks: array::from_fn(|_| AtomicU64::new(0)) }
    }

    /// Counts one more. Loses none, as a single thread writes.
    #[inline(always)]
    fn increment(&self) {
        // Release: pairs with the acquire in `held`. Who sees this failure also sees the
        // successes before it.
        self.total.store(self.total.load(Ordering::Relaxed) + 1, Ordering::Release);
    }
}

impl<const BUCKETS: usize> Cell<BUCKETS> {
    pub(super) fn new() -> Self {
        Self {
            // Before any tenure.
            tenure: AtomicU64::new(0),
            start: AtomicU64::new(0),
            counts: array::from_fn(|_| Counted::new()),
            share: Share::new(),
        }
    }

    /// Counts a success of `tenure` at `now`, if nothing else must be written for it. For the
    /// cell's thread.
    #[inline(always)]
    pub(super) fn try_success(&self, tenure: u64, bucket: u64, now: u64) -> bool {
        let is_in_bucket = self.tenure.load(Ordering::Relaxed) == tenure
            && now.wrapping_sub(self.start.load(Ordering::Relaxed)) < bucket;
        if is_in_bucket {
            self.counts[Count::Succeeded as usize].increment();
        }
        is_in_bucket
    }

    /// Counts `call`, which ended at `now` in `tenure`. Returns false, and counts nothing, if
    /// the tenure is over: another thread has had the cell since. For the cell's thread.
    pub(super) fn record(&self, tenure: u64, bucket: u64, now: u64, call: Record) -> bool {
        if self.tenure.load(Ordering::Relaxed) > tenure {
            return false;
        }
        self.move_on(tenure, Buckets::until(now, bucket));
        let count = if call.failed { Count::Failed } else { Count::Succeeded };
        self.counts[count as usize].increment();
        if call.slow {
            self.counts[Count::Slow as usize].increment();
        }
        true
    }

    /// Begins the newest of `buckets` in `tenure`, unless that or a later one has begun.
    fn move_on(&self, tenure: u64, buckets: Buckets<BUCKETS>) {
        let is_new = self.tenure.load(Ordering::Relaxed) != tenure;
        let begun = self.start.load(Ordering::Relaxed) / buckets.ticks + Buckets::<BUCKETS>::COUNT;
        if !is_new && buckets.newest <= begun {
            return;
        }
        self.share.end();
        let after = if is_new { 0 } else { begun + 1 };
        for bucket in buckets.oldest().max(after)..=buckets.newest {
            for count in &self.counts {
                let mark = Mark::of(bucket, count.total.load(Ordering::Relaxed));
                let place = (bucket % Buckets::<BUCKETS>::COUNT) as usize;
                count.marks[place].store(mark, Ordering::Relaxed);
            }
        }
        let start = (buckets.newest - Buckets::<BUCKETS>::COUNT) * buckets.ticks;
        // Release, both: pair with the acquires in `held`. Who sees that the bucket, or the
        // tenure, has begun also sees the marks.
        self.start.store(start, Ordering::Release);
        self.tenure.store(tenure, Ordering::Release);
    }

    /// How much of `count` is in `buckets` of `tenure`. An error if this thread already counts
    /// in a later bucket and no longer knows: then from when on it does.
    pub(super) fn held(
        &self,
        count: Count,
        tenure: u64,
        buckets: Buckets<BUCKETS>,
    ) -> Result<u64, Buckets<BUCKETS>> {
        // Acquire: see `move_on`.
        if self.tenure.load(Ordering::Acquire) != tenure {
            return Ok(0);
        }
        let begun = self.start.load(Ordering::Acquire) / buckets.ticks + Buckets::<BUCKETS>::COUNT;
        let oldest = buckets.oldest();
        if begun < oldest {
            return Ok(0);
        }
        let Counted { total, marks } = &self.counts[count as usize];
        // Acquire: see `increment`.
        let total = total.load(Ordering::Acquire);
        // Relaxed: whichever mark is found, its bucket is in it.
        let mark = marks[(oldest % Buckets::<BUCKETS>::COUNT) as usize].load(Ordering::Relaxed);
        let later = begun.max(buckets.newest + 1);
        Mark::until(mark, oldest, total).ok_or(Buckets { newest: later, ..buckets })
    }
}
