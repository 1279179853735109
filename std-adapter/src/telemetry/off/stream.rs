//! No streams, because the feature `stream` is off.

use crate::telemetry::event::Event;

#[derive(Default)]
pub(crate) struct Source;

impl Source {
    pub(crate) const fn send(&self, _: &Event) {}
}
