//! Windows that an engine shares with its successor.

use std::sync::Arc;

use microbreaker::window::{Kind, Reach, Record, Tenure, Window};
use microbreaker::{LeakyBucket, Tally};

use crate::window::{ByPolicy, Policy};

/// A window, perhaps of a predecessor.
pub(crate) struct Shared<W> {
    window: Arc<W>,
    is_new: bool,
    policy: Option<Box<Policy>>,
}

impl<W> Shared<W> {
    /// That of a predecessor, or a new one.
    pub(super) fn of(old: Option<Arc<W>>, new: impl FnOnce() -> W) -> Self {
        let is_new = old.is_none();
        Self { window: old.unwrap_or_else(|| Arc::new(new())), is_new, policy: None }
    }

    /// The same in an engine whose policy the window may know.
    pub(super) fn by(self, policy: Option<Box<Policy>>) -> Self {
        Self { policy, ..self }
    }

    pub(super) fn window(&self) -> Arc<W> {
        self.window.clone()
    }
}

impl<W: ByPolicy> Window for Shared<W> {
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
        self.window.record_by(self.policy.as_deref(), tenure, reach, call)
    }

    #[inline]
    fn is_quiet(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> bool {
        self.window.is_quiet(tenure, reach)
    }

    #[inline]
    fn try_success(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> bool {
        self.window.try_success(tenure, reach)
    }

    fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally {
        self.window.tally(tenure, reach)
    }

    fn begin(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
        self.window.begin(tenure, reach);
    }

    fn take_over(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
        if self.is_new {
            self.begin(tenure, reach);
        }
    }
}

/// A leaky bucket beside a window. Unlike in `LeakyBucket<W>`, a successor may share either
/// without the other.
pub(crate) struct InBucket<W> {
    pub(super) bucket: Shared<LeakyBucket>,
    pub(super) beside: Shared<W>,
}

impl<W: ByPolicy> Window for InBucket<W> {
    const KIND: Kind = W::KIND;
    const NAME: &'static str = W::NAME;
    const SLOW: bool = W::SLOW;
    const LEAKY: bool = true;

    fn record(
        &self,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally> {
        let tally = self.beside.record(tenure, reach, call)?;
        let Tally { level, .. } = self.bucket.record(tenure, reach, call)?;
        Some(Tally { level, ..tally })
    }

    #[inline]
    fn try_success(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> bool {
        self.bucket.is_quiet(tenure, reach) && self.beside.try_success(tenure, reach)
    }

    fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally {
        let Tally { level, .. } = self.bucket.tally(tenure, reach);
        Tally { level, ..self.beside.tally(tenure, reach) }
    }

    fn begin(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
        self.beside.begin(tenure, reach);
        self.bucket.begin(tenure, reach);
    }

    fn take_over(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
        self.beside.take_over(tenure, reach);
        self.bucket.take_over(tenure, reach);
    }
}
