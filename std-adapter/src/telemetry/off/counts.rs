//! No counts, because the feature `counts` is off.

use microbreaker::Outcome;

#[derive(Clone, Debug, Default)]
pub(crate) struct Counters;

impl Counters {
    #[inline]
    pub(crate) const fn outcome(&self, _: Outcome, _stale: bool) {}

    #[inline]
    pub(crate) const fn rejection(&self) {}
}
