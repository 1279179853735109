//! Which of several backends to ask first.

use std::time::Duration;

use microbreaker::Phase;

use crate::breaker::Breaker;

/// `breakers` in the order in which to ask them: those that admit every call,
/// then those that are half-open, then those that are open, the soonest to retry
/// first, and last those that are forced open. Equals stay in their order.
///
/// ```
/// use microbreaker_std::{Breaker, pick};
/// use std::time::Duration;
/// let backend = |name| Breaker::builder(name)
///     .consecutive_failures(1).open_for(Duration::from_secs(9)).build();
/// let backends = [backend("a")?, backend("b")?];
/// backends[0].trip();
/// assert_eq!(&**pick(&backends)[0].name(), "b");
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
#[must_use]
pub fn pick<'a>(breakers: impl IntoIterator<Item = &'a Breaker>) -> Vec<&'a Breaker> {
    let mut order: Vec<_> = breakers.into_iter().collect();
    order.sort_by_cached_key(|breaker| {
        let snapshot = breaker.snapshot();
        let rank = match snapshot.phase {
            Phase::Closed | Phase::Disabled | Phase::MetricsOnly => 0,
            Phase::HalfOpen | Phase::Open => 1,
            _ => 2,
        };
        (rank, snapshot.retry_after.unwrap_or(Duration::ZERO))
    });
    order
}
