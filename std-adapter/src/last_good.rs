//! The last good answers as a fallback.

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::PoisonError;
use std::time::Duration;

use lru::LruCache;
use microbreaker::Clock;

use crate::breaker::Breaker;
use crate::breaker::call::InCall;
use crate::classify::{Classify, ErrorsFail, Outcome};
use crate::clock::{SharedClock, duration};
use crate::error::CallError;
use crate::sync::{Mutex, MutexGuard};

/// How far a clock may seem to go back, when threads read it late.
const LATE: u32 = 60_000;

/// The last good answers to questions, which stand in for calls that fail or are refused.
///
/// ```
/// use microbreaker_std::{Breaker, LastGood};
/// use std::time::Duration;
///
/// let rates = Breaker::builder("rates")
///     .consecutive_failures(1)
///     .open_for(Duration::from_secs(30))
///     .build()?;
/// let last = LastGood::of(&rates, 1_000).no_older_than(Duration::from_secs(3_600));
///
/// let ask = |text: &str| text.parse::<u32>();
/// assert_eq!(rates.call_or_last(&last, "EUR", || ask("42")), Ok(42));
/// assert_eq!(rates.call_or_last(&last, "EUR", || ask("flaky")), Ok(42), "it failed");
/// assert_eq!(rates.call_or_last(&last, "EUR", || ask("43")), Ok(42), "it was refused");
/// assert!(rates.call_or_last(&last, "USD", || ask("7")).is_err(), "another question");
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
///
/// An answer is good if the classifier calls it a success. When a call fails, or is refused,
/// the last good answer takes the place of its result. Everything else is returned as it is:
/// an error that counts as a success, "not found" for example, or as nothing.
///
/// Remembers a fixed number of answers. One too many takes the place of the answer that was
/// kept and served the longest ago. Ages are by the clock of a breaker, and hold as long as
/// there is one call in 49 days.
///
/// A lock is held while an answer is looked up, cloned or put in its place, not during a call.
/// Values that are expensive to clone go into an `Arc`.
pub struct LastGood<K, T> {
    clock: SharedClock,
    no_older_than: Duration,
    answers: Mutex<Answers<K, T>>,
}

struct Answers<K, T> {
    /// Each with the time at which it was kept.
    kept: LruCache<K, (T, Duration)>,
    /// The latest time that was read, and its tick.
    now: Duration,
    tick: u32,
}

impl<K: Hash + Eq, T: Clone> LastGood<K, T> {
    /// Remembers the answers to at most this many questions, and their ages by the clock of
    /// `breaker`. A question without parameters has the key `()`.
    ///
    /// # Panics
    ///
    /// If `most` is 0.
    #[must_use]
    pub fn of(breaker: &Breaker, most: usize) -> Self {
        Self::new(breaker.inner().clock().clone(), most)
    }

    /// The same by a clock of milliseconds, for calls that no single breaker guards.
    ///
    /// # Panics
    ///
    /// If `most` is 0.
    #[must_use]
    pub fn by(clock: impl Clock + Send + Sync + 'static, most: usize) -> Self {
        Self::new(SharedClock::new(clock), most)
    }

    fn new(clock: SharedClock, most: usize) -> Self {
        let most = NonZeroUsize::new(most).expect("at least one answer must be remembered");
        // Has no room yet, because there may never be that many questions.
        let mut kept = LruCache::unbounded();
        kept.resize(most);
        let answers = Answers { kept, now: Duration::ZERO, tick: clock.now() };
        Self { clock, no_older_than: Duration::MAX, answers: Mutex::new(answers) }
    }

    /// Serves answers for this long. By default they stay good for ever.
    #[must_use]
    pub fn no_older_than(self, time: Duration) -> Self {
        Self { no_older_than: time, ..self }
    }

    /// Keeps or replaces the result of a call that was guarded elsewhere, by a layer for
    /// example. A [`Rejected`](crate::Rejected) in it counts as `classify` says, which should
    /// be as a failure.
    ///
    /// # Errors
    ///
    /// The error of `result`, if it is not replaced.
    pub fn or_last<E>(
        &self,
        key: K,
        result: Result<T, E>,
        classify: impl Classify<T, E>,
    ) -> Result<T, E> {
        let outcome = classify.classify(&result);
        self.settle(key, outcome, result)
    }

    fn settle<E>(&self, key: K, outcome: Outcome, result: Result<T, E>) -> Result<T, E> {
        match result {
            Ok(value) if outcome == Outcome::Success => {
                let kept = value.clone();
                let mut answers = self.answers();
                let at = answers.now;
                let replaced = answers.kept.push(key, (kept, at));
                // Dropped without the lock: it may be a type that calls this again.
                drop(answers);
                drop(replaced);
                Ok(value)
            }
            result if outcome.is_failure() => self.get(&key).map_or(result, Ok),
            result => result,
        }
    }

    /// The last good answer, if it is not too old.
    fn get(&self, key: &K) -> Option<T> {
        let mut answers = self.answers();
        let now = answers.now;
        let (value, at) = answers.kept.get(key)?;
        (now - *at <= self.no_older_than).then(|| value.clone())
    }

    /// The answers, at the time that it is now.
    fn answers(&self) -> MutexGuard<'_, Answers<K, T>> {
        // A clone that panicked left the answers as they were.
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let tick = self.clock.now();
        let passed = tick.wrapping_sub(answers.tick);
        if passed <= u32::MAX - LATE {
            answers.now += duration(passed);
            answers.tick = tick;
        }
        answers
    }
}

impl<K, T> fmt::Debug for LastGood<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let no_older_than = &self.no_older_than;
        f.debug_struct("LastGood").field("no_older_than", no_older_than).finish_non_exhaustive()
    }
}

impl Breaker {
    /// [`call`](Self::call) with the last good answer to `key` as a fallback.
    ///
    /// # Errors
    ///
    /// The call's own error, or that it was refused, if there is no good answer.
    pub fn call_or_last<K: Hash + Eq, T: Clone, E>(
        &self,
        last: &LastGood<K, T>,
        key: K,
        f: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, CallError<E>> {
        self.call_or_last_classified(last, key, f, ErrorsFail)
    }

    /// [`call_or_last`](Self::call_or_last) with a classifier that says what the result
    /// means.
    ///
    /// # Errors
    ///
    /// As [`call_or_last`](Self::call_or_last).
    pub fn call_or_last_classified<K: Hash + Eq, T: Clone, E>(
        &self,
        last: &LastGood<K, T>,
        key: K,
        f: impl FnOnce() -> Result<T, E>,
        classify: impl Classify<T, E>,
    ) -> Result<T, CallError<E>> {
        let permit = match self.try_acquire() {
            Ok(permit) => permit,
            Err(rejected) => return last.get(&key).ok_or(CallError::Rejected(rejected)),
        };
        let mut call = InCall::new(permit);
        let result = call.run(f);
        let outcome = call.finish(&classify, &result);
        last.settle(key, outcome, result).map_err(CallError::Failed)
    }

    /// [`call_or_last`](Self::call_or_last) of a future, on any executor.
    ///
    /// # Errors
    ///
    /// As [`call_or_last`](Self::call_or_last).
    pub async fn call_or_last_async<K: Hash + Eq, T: Clone, E>(
        &self,
        last: &LastGood<K, T>,
        key: K,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError<E>> {
        self.call_or_last_async_classified(last, key, call, ErrorsFail).await
    }

    /// [`call_or_last_async`](Self::call_or_last_async) with a classifier that says what the
    /// result means.
    ///
    /// # Errors
    ///
    /// As [`call_or_last`](Self::call_or_last).
    pub async fn call_or_last_async_classified<K: Hash + Eq, T: Clone, E>(
        &self,
        last: &LastGood<K, T>,
        key: K,
        call: impl Future<Output = Result<T, E>>,
        classify: impl Classify<T, E>,
    ) -> Result<T, CallError<E>> {
        let permit = match self.try_acquire() {
            Ok(permit) => permit,
            Err(rejected) => return last.get(&key).ok_or(CallError::Rejected(rejected)),
        };
        let mut in_call = InCall::new(permit);
        let result = in_call.run_async(call).await;
        let outcome = in_call.finish(&classify, &result);
        last.settle(key, outcome, result).map_err(CallError::Failed)
    }
}
