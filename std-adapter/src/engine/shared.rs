//! A window that an engine shares with its successor.

use std::sync::Arc;

use microbreaker::Tally;
use microbreaker::window::{Kind, Reach, Record, Tenure, Window};

pub(crate) struct Shared<W>(pub(crate) Arc<W>);

impl<W: Window> Window for Shared<W> {
    const KIND: Kind = W::KIND;
    const NAME: &'static str = W::NAME;
    const SLOW: bool = W::SLOW;
    const LEAKY: bool = W::LEAKY;

    #[inline]
    fn record(
        &self,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally> {
        self.0.record(tenure, reach, call)
    }

    #[inline]
    fn is_quiet(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> bool {
        self.0.is_quiet(tenure, reach)
    }

    fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally {
        self.0.tally(tenure, reach)
    }

    fn begin(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
        self.0.begin(tenure, reach);
    }
}
