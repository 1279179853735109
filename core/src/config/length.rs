//! The length of a window, which the configurations of breaker and throttle share.

use super::{ConfigError, Field, MAX_TICKS, within};
use crate::leak::Leak;
use crate::window::{Kind, Reach, Window};

/// The length of a count-based or a time-based window; the other field is 0.
#[derive(Clone, Copy)]
pub(crate) struct WindowLength {
    /// Calls in a count-based window.
    pub(crate) last_calls: u32,
    /// Ticks in a bucket of a time-based window.
    pub(crate) bucket: u32,
}

impl WindowLength {
    /// Checks that a window `W` can be this long and that the other length is not set.
    /// Without a window no length may be set, and none may be `needed`.
    pub(crate) const fn check<W: Window>(self, needed: bool) -> Result<(), ConfigError> {
        let no_calls = within(Field::LastCalls, self.last_calls, 0, 0);
        let no_bucket = within(Field::Bucket, self.bucket, 0, 0);
        let (own, other) = match W::KIND {
            Kind::None if needed => (within(Field::LastCalls, self.last_calls, 1, 0), no_bucket),
            Kind::None => (no_calls, no_bucket),
            Kind::Count { capacity } => {
                (within(Field::LastCalls, self.last_calls, 1, capacity), no_bucket)
            }
            Kind::Time { buckets, .. } => {
                (within(Field::Bucket, self.bucket, 1, MAX_TICKS / buckets), no_calls)
            }
        };
        match own {
            Err(error) => Err(error.in_window(W::NAME)),
            Ok(()) => other,
        }
    }

    /// How far back the window reaches; `now` reads the current tick.
    #[inline]
    pub(crate) fn reach<N: Fn() -> u32>(self, now: N) -> Reach<N> {
        // Never 0 for a time-based window; this spares the division a check that could
        // panic.
        let bucket = if self.bucket == 0 { 1 } else { self.bucket };
        Reach { last_calls: self.last_calls, bucket, leak: Leak::NONE, now }
    }
}

/// The two setters of a window's length.
macro_rules! window_length_setters {
    () => {
        /// A [`CountWindow`](crate::CountWindow) or
        /// [`ShortWindow`](crate::ShortWindow) holds exactly the last `count` calls, 1
        /// to its capacity.
        #[must_use]
        pub const fn last_calls(mut self, count: u32) -> Self {
            self.last_calls = count;
            self
        }

        /// Each bucket of a [`TimeWindow`](crate::TimeWindow) is `ticks` long; all
        /// buckets together, at most 2^31 - 1.
        #[must_use]
        pub const fn bucket(mut self, ticks: u32) -> Self {
            self.bucket = ticks;
            self
        }

        #[inline]
        pub(crate) const fn window_length(&self) -> $crate::config::WindowLength {
            let Self { last_calls, bucket, .. } = *self;
            $crate::config::WindowLength { last_calls, bucket }
        }
    };
}
pub(crate) use window_length_setters;
