//! Counts of outcomes, and the one that is being added to them.

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tally {
    /// Outcomes in the window.
    pub calls: u32,
    /// Those of them that failed.
    pub failed: u32,
    /// Those of them that were slow, where slow calls are watched.
    pub slow: u32,
}

/// What a window records of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// It failed.
    pub failed: bool,
    /// It was slow.
    pub slow: bool,
}

impl Record {
    #[inline]
    pub(crate) const fn counts_against(self) -> bool {
        self.failed || self.slow
    }
}
