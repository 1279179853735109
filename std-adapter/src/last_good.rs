//! The last good result as a fallback.

use std::sync::PoisonError;
use std::time::Duration;

use microbreaker::Clock;
use microbreaker::clock::elapsed;

use crate::clock::duration;
use crate::sync::{Mutex, const_fn};

/// Remembers the last good result, and returns it in place of an error.
///
/// ```
/// # use microbreaker_std::{Breaker, LastGood};
/// # let open_for = std::time::Duration::from_secs(1);
/// # let rates = Breaker::builder("rates").consecutive_failures(1).open_for(open_for).build()?;
/// let last = LastGood::new();
/// assert_eq!(last.or_last(rates.call(|| "42".parse::<u32>())), Ok(42));
/// assert_eq!(last.or_last(rates.call(|| "flaky".parse::<u32>())), Ok(42));
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
///
/// It reads no other clock than the one it was given, and none without an age limit.
#[derive(Debug)]
pub struct LastGood<T, C = fn() -> u32> {
    last: Mutex<Option<Good<T>>>,
    most: Duration,
    clock: C,
}

#[derive(Debug)]
struct Good<T> {
    value: T,
    /// When it was made.
    tick: u32,
}

impl<T: Clone> LastGood<T> {
    const_fn! {
    /// Remembers nothing yet. A result stays good for ever.
    #[must_use]
    pub const fn new() -> Self {
        Self::no_older_than(Duration::MAX, || 0)
    }
    }
}

impl<T: Clone, C: Clock> LastGood<T, C> {
    const_fn! {
    /// Remembers nothing yet. A result stays good for `most` by `clock`, which shows
    /// milliseconds and may be the breaker's; 49.7 days or more are for ever.
    ///
    #[cfg_attr(feature = "coarse-clock", doc = "```")]
    #[cfg_attr(not(feature = "coarse-clock"), doc = "```ignore")]
    /// use microbreaker_std::{LastGood, clock::CoarseClock};
    /// use std::time::Duration;
    ///
    /// static LAST: LastGood<u32, CoarseClock> =
    ///     LastGood::no_older_than(Duration::from_secs(60), CoarseClock);
    /// assert_eq!(LAST.or_last("42".parse()), Ok(42));
    /// assert_eq!(LAST.or_last("flaky".parse()), Ok(42));
    /// ```
    #[must_use]
    pub const fn no_older_than(most: Duration, clock: C) -> Self {
        Self { last: Mutex::new(None), most, clock }
    }
    }

    /// Remembers and returns a good `result`. In place of an error, returns the last
    /// good result if it is not too old.
    ///
    /// Holds a lock while it clones the value. A result that is found to be too old is
    /// dropped. One that nobody asks for looks new again when the clock has wrapped, after
    /// 49.7 days.
    ///
    /// # Errors
    ///
    /// The error of `result`, if no good result can take its place.
    pub fn or_last<E>(&self, result: Result<T, E>) -> Result<T, E> {
        // A clone that panicked left the value as it was.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Only now: no value that is there is from the future.
        let now = self.clock.now();
        match result {
            Ok(value) => {
                *last = Some(Good { value: value.clone(), tick: now });
                Ok(value)
            }
            Err(error) => {
                last.take_if(|good| duration(elapsed(now, good.tick)) > self.most);
                last.as_ref().map(|good| good.value.clone()).ok_or(error)
            }
        }
    }
}

impl<T: Clone> Default for LastGood<T> {
    fn default() -> Self {
        Self::new()
    }
}
