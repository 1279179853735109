//! No logs, because the feature `tracing` is off.

use microbreaker::Rejected;

use crate::telemetry::event::Event;

#[derive(Debug, Default)]
pub(crate) struct Log;

impl Log {
    pub(crate) const fn new_phase(&self) {}

    pub(crate) const fn event(&self, _: &Event) {}

    #[inline]
    pub(crate) const fn rejection(&self, _name: &str, _: &Rejected) {}
}

#[cfg(feature = "registry")]
pub(crate) const fn unmatched(_pattern: &str) {}

#[cfg(feature = "watch")]
pub(crate) const fn settings<T, E>(_: &std::path::Path, _: &Result<T, E>) {}
