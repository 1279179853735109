//! The last good result as a fallback.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

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
#[derive(Debug)]
pub struct LastGood<T> {
    last: Mutex<Option<(T, Instant)>>,
    most: Duration,
}

impl<T: Clone> LastGood<T> {
    /// Remembers nothing yet. A result stays good for ever.
    #[must_use]
    pub const fn new() -> Self {
        Self::no_older_than(Duration::MAX)
    }

    /// Remembers nothing yet. A result stays good for `most`.
    #[must_use]
    pub const fn no_older_than(most: Duration) -> Self {
        Self { last: Mutex::new(None), most }
    }

    /// Remembers and returns a good `result`. In place of an error, returns the last
    /// good result if it is not too old.
    ///
    /// Holds a lock while it clones the value.
    ///
    /// # Errors
    ///
    /// The error of `result`, if no good result can take its place.
    pub fn or_last<E>(&self, result: Result<T, E>) -> Result<T, E> {
        self.or_last_at(Instant::now(), result)
    }

    fn or_last_at<E>(&self, now: Instant, result: Result<T, E>) -> Result<T, E> {
        // A clone that panicked left the value as it was.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match (result, &*last) {
            (Ok(value), _) => {
                *last = Some((value.clone(), now));
                Ok(value)
            }
            (Err(_), Some((value, at))) if now.duration_since(*at) <= self.most => {
                Ok(value.clone())
            }
            (Err(error), _) => Err(error),
        }
    }
}

impl<T: Clone> Default for LastGood<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_too_old_does_not_stand_in() {
        let second = Duration::from_secs(1);
        let last = LastGood::no_older_than(second);
        let start = Instant::now();
        assert_eq!(last.or_last_at(start, Ok::<_, ()>(42)), Ok(42));
        assert_eq!(last.or_last_at(start + second, Err(())), Ok(42));
        let later = start + second + Duration::from_nanos(1);
        assert_eq!(last.or_last_at(later, Err(())), Err(()));
    }
}
