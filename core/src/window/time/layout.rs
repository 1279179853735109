//! The words of a time-based window, and which bucket a tick is in: pure views of one
//! value.

use crate::clock::elapsed;
use crate::window::Tenure;

const TICK_BITS: u32 = 23;
const LOW_BITS: u32 = (1 << TICK_BITS) - 1;

/// One value of the cursor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor<const BUCKETS: usize>(pub(super) u32);

impl<const BUCKETS: usize> Cursor<BUCKETS> {
    /// Belongs to no tenure: there is no such slot.
    pub(super) const INITIAL: Self = Self(u32::MAX);
    /// The generation gets the bits that the slots, and the slot of `INITIAL`,
    /// leave over.
    const SLOT_SHIFT: u32 = (BUCKETS as u32 + 1).leading_zeros();
    const GENERATIONS: u32 = 1 << (Self::SLOT_SHIFT - TICK_BITS);

    pub(super) const fn new(tenure: Tenure<'_>, slot: usize, tick: u32) -> Self {
        let generation = (tenure.generation() as u32 % Self::GENERATIONS) << TICK_BITS;
        Self((slot as u32) << Self::SLOT_SHIFT | generation | (tick & LOW_BITS))
    }

    pub(super) const fn slot(self) -> usize {
        (self.0 >> Self::SLOT_SHIFT) as usize
    }

    /// The slot and the bits of the generation.
    pub(super) const fn place(self) -> u32 {
        self.0 >> TICK_BITS
    }

    pub(super) const fn is_of(self, tenure: Tenure<'_>) -> bool {
        let generation = self.place() % Self::GENERATIONS;
        self.0 != Self::INITIAL.0 && generation == tenure.generation() as u32 % Self::GENERATIONS
    }

    /// A tick in the newest bucket; `bucket` has its high bits.
    pub(super) const fn tick(self, tenure: Tenure<'_>, bucket: Bucket) -> u32 {
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
    /// that contains `tick`.
    pub(super) const fn emptied(self, place: u32, tenure: Tenure<'_>, tick: u32) -> Self {
        let tag = (tenure.generation() as u32).wrapping_add(tick >> TICK_BITS);
        let lap = self.0.wrapping_add(Self::ONE_LAP) & Self::LAP;
        Self(tag << Self::TAG_SHIFT | lap | place << Self::FAILED_SHIFT)
    }

    const fn is_emptied_from(self, place: u32) -> bool {
        self.0 % Self::ONE_LAP == place << Self::FAILED_SHIFT
    }

    /// The high bits of a tick in the bucket.
    const fn block(self, tenure: Tenure<'_>) -> u32 {
        (self.0 >> Self::TAG_SHIFT).wrapping_sub(tenure.generation() as u32) << TICK_BITS
    }

    /// The tick for the cursor to move on to, when this is the slot after its own: `wanted`;
    /// or, if the slot was already emptied from `place` with other high bits, the nearest
    /// tick that has those. It must be in a later bucket than `from`, which is the cursor's
    /// tick if that is of this tenure.
    ///
    /// So all threads that move the cursor on from one place give it the same high bits,
    /// and these match the slot's whichever thread comes first.
    pub(super) fn agreed(
        self,
        place: u32,
        tenure: Tenure<'_>,
        from: Option<u32>,
        wanted: u32,
        ticks: u32,
    ) -> u32 {
        let block = self.block(tenure);
        if !self.is_emptied_from(place) || wanted & !LOW_BITS == block {
            return wanted;
        }
        let nearest = if elapsed(wanted, block) == 0 { block } else { block | LOW_BITS };
        // If not later, the slot was emptied the last time the cursor was here.
        let is_later = from.is_none_or(|from| {
            nearest / ticks != from / ticks && elapsed(wanted, nearest) < wanted.wrapping_sub(from)
        });
        if is_later { nearest } else { wanted }
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
            (calls, failures) = (half(calls), half(failures));
        }
        let counts = (failures + failed as u32) << Self::FAILED_SHIFT | (calls + 1);
        Self(self.0 & !(Self::COUNT << Self::FAILED_SHIFT | Self::COUNT) | counts)
    }
}

/// Half of `count`; of an odd one, the even neighbour. Always rounded down, a failure in
/// every other half would be forgotten.
const fn half(count: u32) -> u32 {
    (count + (count >> 1 & 1)) / 2
}

/// How many buckets have begun at `to` since `from`. When the clock wraps, a bucket is cut
/// short.
pub(super) const fn buckets_between(from: u32, to: u32, ticks: u32) -> u32 {
    let turn = if to < from { (u32::MAX / ticks).wrapping_add(1) } else { 0 };
    (to / ticks).wrapping_sub(from / ticks).wrapping_add(turn)
}

/// The first tick of the bucket after the one that contains `tick`.
pub(super) const fn next_start(tick: u32, ticks: u32) -> u32 {
    match (tick - tick % ticks).checked_add(ticks) {
        Some(next) => next,
        None => 0,
    }
}
