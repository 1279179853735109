//! Random numbers, the same in every run.

/// Marsaglia's xorshift.
pub(super) struct Random(u32);

impl Random {
    pub(super) const fn new(seed: u32) -> Self {
        Self(0x9e37_79b9 ^ seed.wrapping_mul(0x85eb_ca6b))
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        ((u64::from(self.0) * u64::from(bound)) >> 32) as u32
    }
}
