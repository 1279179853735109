//! The words of a time-based window, and where its buckets start: pure views of one
//! value.

use crate::window::Tenure;

const START_BITS: u32 = 23;
const LOW_BITS: u32 = (1 << START_BITS) - 1;

/// One value of the cursor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor<const BUCKETS: usize>(pub(super) u32);

impl<const BUCKETS: usize> Cursor<BUCKETS> {
    /// Belongs to no tenure: there is no such slot.
    pub(super) const INITIAL: Self = Self(u32::MAX);
    /// The generation gets the bits that the slots, and the slot of `INITIAL`,
    /// leave over.
    const SLOT_SHIFT: u32 = (BUCKETS as u32 + 1).leading_zeros();
    const GENERATIONS: u32 = 1 << (Self::SLOT_SHIFT - START_BITS);

    pub(super) const fn new(tenure: Tenure<'_>, slot: usize, start: u32) -> Self {
        let generation = (tenure.generation() as u32 % Self::GENERATIONS) << START_BITS;
        Self((slot as u32) << Self::SLOT_SHIFT | generation | (start & LOW_BITS))
    }

    pub(super) const fn slot(self) -> usize {
        (self.0 >> Self::SLOT_SHIFT) as usize
    }

    /// The slot and the bits of the generation.
    pub(super) const fn place(self) -> u32 {
        self.0 >> START_BITS
    }

    pub(super) const fn is_of(self, tenure: Tenure<'_>) -> bool {
        let generation = self.place() % Self::GENERATIONS;
        self.0 != Self::INITIAL.0 && generation == tenure.generation() as u32 % Self::GENERATIONS
    }

    /// The tick at which the newest bucket starts; `bucket` has its high bits.
    pub(super) const fn start(self, tenure: Tenure<'_>, bucket: Bucket) -> u32 {
        bucket.block(tenure) | (self.0 & LOW_BITS)
    }
}

/// One value of a bucket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket(pub(super) u32);

impl Bucket {
    const COUNT: u32 = (1 << 10) - 1;
    const FAILED_SHIFT: u32 = 10;
    const FROZEN: u32 = 1 << 20;
    const ONE_LAP: u32 = 1 << 21;
    const LAP: u32 = 0b11 << 21;
    const TAG_SHIFT: u32 = 23;

    /// This slot emptied while the cursor was at `place`, for the bucket of `tenure`
    /// that starts at `start`.
    pub(super) const fn emptied(self, place: u32, tenure: Tenure<'_>, start: u32) -> Self {
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

    /// Where the bucket in the slot after the cursor's may start: at `wanted`; or, if
    /// the slot was already emptied from `place` with other high bits, at the nearest
    /// start that has those. It must be later than the start of the cursor's bucket,
    /// which is `from` if that is of this tenure.
    ///
    /// So all threads that move the cursor on from one place give it the same high
    /// bits, and these match the slot's whichever thread comes first.
    pub(super) const fn agreed(
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
            // If not later, it was emptied the last time the cursor was here.
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

    pub(super) const fn is_frozen(self) -> bool {
        self.0 & Self::FROZEN != 0
    }

    pub(super) const fn frozen(self) -> Self {
        Self(self.0 | Self::FROZEN)
    }

    pub(super) const fn calls(self) -> u32 {
        self.0 & Self::COUNT
    }

    pub(super) const fn failed(self) -> u32 {
        if self.calls() == 0 { 0 } else { (self.0 >> Self::FAILED_SHIFT) & Self::COUNT }
    }

    /// With one more call; halves the counts first if they would overflow.
    pub(super) const fn push(self, failed: bool) -> Self {
        let (mut calls, mut failures) = (self.calls(), self.failed());
        if calls == Self::COUNT {
            calls /= 2;
            failures /= 2;
        }
        let counts = (failures + failed as u32) << Self::FAILED_SHIFT | (calls + 1);
        Self(self.0 & !(Self::COUNT << Self::FAILED_SHIFT | Self::COUNT) | counts)
    }
}

/// The start of the bucket that contains `now`.
pub(super) const fn aligned(now: u32, ticks: u32) -> u32 {
    now - now % ticks
}

/// How many buckets lie between the starts `from` and `to`. Rounded up: when the
/// clock wraps, a bucket is cut short.
pub(super) const fn buckets_between(from: u32, to: u32, ticks: u32) -> u32 {
    to.wrapping_sub(from).div_ceil(ticks)
}

/// The start of the bucket after the one that starts at `start`.
pub(super) const fn next_start(start: u32, ticks: u32) -> u32 {
    match start.checked_add(ticks) {
        Some(next) => next,
        None => 0,
    }
}
