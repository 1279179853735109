//! What is told of a breaker: events, counts, logs and metrics.

#[cfg(feature = "counts")]
pub(crate) mod counts;
pub(crate) mod event;
#[cfg(feature = "tracing")]
pub(crate) mod log;
#[cfg(feature = "metrics")]
pub(crate) mod series;
#[cfg(feature = "stream")]
pub(crate) mod stream;
