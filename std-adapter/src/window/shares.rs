//! How many failures threads may count before one of them adds the cells up again.
//!
//! Whoever adds up knows how many more failures no policy can be met by, and gives each cell
//! a share of them. A failure within its cell's share need not look at the other cells. One
//! beyond it revokes all shares first, so that of the failures that race, each is in the sum
//! or adds up itself.

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::swap;

/// The bits of a share.
pub(super) const BITS: u32 = 16;
const SHARE: u64 = (1 << BITS) - 1;

/// The share of every cell: `turn (48) | share (16)`. A turn begins when shares are revoked.
pub(super) struct Shares {
    word: AtomicU64,
}

/// A turn in which no cell has a share yet.
#[derive(Clone, Copy)]
pub(super) struct Turn(u64);

impl Shares {
    pub(super) fn new() -> Self {
        Self { word: AtomicU64::new(0) }
    }

    /// Revokes all shares.
    pub(super) fn revoke(&self) -> Turn {
        loop {
            // Relaxed, because callers have a fence before and behind. So who revokes shares
            // later knows what those knew who did before: that a bucket, a tenure or a policy
            // is over, and which cells there are.
            let word = self.word.load(Ordering::Relaxed);
            let next = (word | SHARE) + 1;
            if swap(&self.word, word, next) {
                return Turn(next);
            }
        }
    }

    /// Gives each cell this share, unless all were revoked again.
    pub(super) fn give(&self, turn: Turn, share: u32) {
        if share > 0 {
            // If this fails, another thread adds up.
            swap(&self.word, turn.0, turn.0 | u64::from(share));
        }
    }
}

/// What a cell has of its share. For the cell's thread.
pub(super) struct Share {
    /// The number of the policy by which the cell has added up since its bucket and tenure
    /// began, or 0.
    policy: AtomicU64,
    /// `turn (48) | how many more failures (16)`.
    left: AtomicU64,
}

impl Share {
    pub(super) fn new() -> Self {
        Self { policy: AtomicU64::new(0), left: AtomicU64::new(0) }
    }

    /// A bucket or a tenure begins for the cell: others may still give shares for the one
    /// before.
    pub(super) fn end(&self) {
        self.policy.store(0, Ordering::Relaxed);
    }

    /// Whether the failure that the cell has just counted is within its share by the policy of
    /// this number.
    pub(super) fn take(&self, policy: u64, shares: &Shares) -> bool {
        if self.policy.load(Ordering::Relaxed) != policy {
            // It has to revoke what others give who know nothing of its bucket, tenure or
            // policy.
            self.policy.store(policy, Ordering::Relaxed);
            return false;
        }
        // Relaxed: the fence before it orders it behind the failure.
        let given = shares.word.load(Ordering::Relaxed);
        let left = self.left.load(Ordering::Relaxed);
        let is_same_turn = left >> BITS == given >> BITS;
        let left = if is_same_turn { left } else { given };
        let has_left = left & SHARE > 0;
        if has_left {
            self.left.store(left - 1, Ordering::Relaxed);
        }
        has_left
    }
}
