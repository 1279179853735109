//! No member of any fleet, because the feature `fleet` is off.

use microbreaker::Outcome;

#[cfg(any(feature = "axum", feature = "metrics"))]
use crate::telemetry::heard::Heard;

#[derive(Debug, Default)]
pub(crate) struct Member;

impl Member {
    #[inline]
    pub(crate) const fn outcome(&self, _: Outcome) {}

    #[cfg(any(feature = "axum", feature = "metrics"))]
    pub(crate) const fn heard(&self) -> Option<Heard> {
        None
    }

    #[inline]
    pub(crate) const fn lend_probe(&self) -> bool {
        true
    }

    #[inline]
    pub(crate) const fn probe_ended(&self, _: Outcome, _stale: bool) {}
}
