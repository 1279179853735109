//! Guarded calls.

use std::borrow::Borrow;
use std::future::{Future, poll_fn};
use std::pin::pin;

use microbreaker::window::Window;

use super::Breaker;
use super::permit::Permit;
use crate::classify::{Classify, ErrorsFail, Outcome};
use crate::engine::{Core, Engine};
use crate::error::CallError;

impl Breaker {
    /// Makes a guarded call: an `Err` is a failure, and so is a panic, which goes
    /// on.
    ///
    /// Fallbacks are what `Result` has anyway, and never hold the permit:
    ///
    /// ```
    /// # use microbreaker_std::{Breaker, CallError};
    /// # let open_for = std::time::Duration::from_secs(1);
    /// # let users = Breaker::builder("users").consecutive_failures(1).open_for(open_for).build()?;
    /// # let replica = users.clone();
    /// # let ask = |_: &str| "42".parse::<u32>();
    /// let user = users.call(|| ask("primary")).or_else(|_| replica.call(|| ask("replica")));
    /// # assert_eq!(user, Ok(42));
    /// # Ok::<(), microbreaker_std::BuildError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The call's own, or that it was refused and not made.
    #[inline]
    pub fn call<T, E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_classified(f, ErrorsFail)
    }

    /// Makes a guarded call of whose result `classify` says what it means.
    ///
    /// ```
    /// # use microbreaker_std::{Breaker, failing_if};
    /// # use std::io::{self, ErrorKind};
    /// # let open_for = std::time::Duration::from_secs(1);
    /// # let files = Breaker::builder("files").consecutive_failures(1).open_for(open_for).build()?;
    /// let answers = failing_if(|error: &io::Error| error.kind() != ErrorKind::NotFound);
    /// let missing = files.call_classified(|| std::fs::read("/no/such/file"), answers);
    /// assert!(missing.is_err() && files.try_acquire().is_ok());
    /// # Ok::<(), microbreaker_std::BuildError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The call's own, or that it was refused and not made.
    #[inline]
    pub fn call_classified<T, E>(
        &self,
        f: impl FnOnce() -> Result<T, E>,
        classify: impl Classify<T, E>,
    ) -> Result<T, CallError<E>> {
        match self.inner().engines.alone() {
            Some(Engine::Plain(core)) => self.call_at_once(core, f, classify),
            Some(Engine::Count(core)) => self.call_at_once(core, f, classify),
            // Out of line, so that all fits into registers here.
            _ => self.call_otherwise(f, classify),
        }
    }

    #[cold]
    fn call_otherwise<T, E>(
        &self,
        f: impl FnOnce() -> Result<T, E>,
        classify: impl Classify<T, E>,
    ) -> Result<T, CallError<E>> {
        match self.inner().engines.alone() {
            Some(Engine::Time(core)) => self.call_at_once(core, f, classify),
            _ => call(self.try_acquire()?, f, classify).map_err(CallError::Failed),
        }
    }

    #[inline(always)]
    fn call_at_once<T, E>(
        &self,
        core: &Core<impl Window>,
        f: impl FnOnce() -> Result<T, E>,
        classify: impl Classify<T, E>,
    ) -> Result<T, CallError<E>> {
        match core.try_acquire() {
            Ok(permit) => {
                let classify = |result: &_| classify.classify(result).in_ticks();
                permit.call_classified(f, classify).map_err(CallError::Failed)
            }
            // Unless another engine is in use by now.
            Err(rejected) if self.inner().engines.alone().is_some() => {
                Err(self.rejected(rejected).into())
            }
            Err(_) => self.call_otherwise(f, classify),
        }
    }

    /// Makes a guarded call of a future, on any executor. The future is not
    /// polled before the call was admitted, which is asked when this is first
    /// polled. Dropped half-way it counts as abandoned; a panic is a failure.
    ///
    /// # Errors
    ///
    /// The call's own, or that it was refused and not made.
    pub async fn call_async<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError<E>> {
        self.call_async_classified(call, ErrorsFail).await
    }

    /// [`call_async`](Self::call_async), of whose result `classify` says what it
    /// means.
    ///
    /// # Errors
    ///
    /// The call's own, or that it was refused and not made.
    pub async fn call_async_classified<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        classify: impl Classify<T, E>,
    ) -> Result<T, CallError<E>> {
        call_async(self.try_acquire()?, call, classify).await.map_err(CallError::Failed)
    }

    /// A function that makes guarded calls of `f`.
    ///
    /// ```
    /// # use microbreaker_std::Breaker;
    /// # let open_for = std::time::Duration::from_secs(1);
    /// # let users = Breaker::builder("users").consecutive_failures(1).open_for(open_for).build()?;
    /// let parse = users.wrap(|text: &str| text.parse::<u32>());
    /// assert_eq!(parse("42"), Ok(42));
    /// # Ok::<(), microbreaker_std::BuildError>(())
    /// ```
    pub fn wrap<A, T, E>(
        &self,
        f: impl Fn(A) -> Result<T, E>,
    ) -> impl Fn(A) -> Result<T, CallError<E>> {
        let breaker = self.clone();
        move |argument| breaker.call(|| f(argument))
    }
}

/// Makes the call that `leave` was given for.
#[inline]
pub(crate) fn call<T, E>(
    leave: impl Leave,
    f: impl FnOnce() -> Result<T, E>,
    classify: impl Classify<T, E>,
) -> Result<T, E> {
    let mut call = InCall::new(leave);
    let result = call.run(f);
    call.finish(&classify, &result);
    result
}

/// The same of a future.
pub(crate) async fn call_async<T, E>(
    leave: impl Leave,
    call: impl Future<Output = Result<T, E>>,
    classify: impl Classify<T, E>,
) -> Result<T, E> {
    let mut in_call = InCall::new(leave);
    let mut call = pin!(call);
    let result = poll_fn(|context| in_call.run(|| call.as_mut().poll(context))).await;
    in_call.finish(&classify, &result);
    result
}

/// What gives leave to make a call: a permit, or several.
pub(crate) trait Leave {
    /// Ends the call, unless it has ended.
    fn end(&mut self, outcome: Outcome);
}

impl<B: Borrow<Breaker>> Leave for Permit<B> {
    #[inline]
    fn end(&mut self, outcome: Outcome) {
        self.complete(outcome.in_ticks());
    }
}

/// A call in progress: a panic while it runs is a failure. Otherwise dropping it
/// drops the leave, which is to abandon the call.
pub(crate) struct InCall<L: Leave> {
    leave: L,
    /// Whether the caller's own code is running.
    running: bool,
}

impl<L: Leave> InCall<L> {
    #[inline]
    pub(crate) const fn new(leave: L) -> Self {
        Self { leave, running: false }
    }

    /// Runs some of the call.
    #[inline]
    pub(crate) fn run<T>(&mut self, f: impl FnOnce() -> T) -> T {
        self.running = true;
        let value = f();
        self.running = false;
        value
    }

    /// Ends the call as `classify` says.
    #[inline]
    pub(crate) fn finish<T, E>(&mut self, classify: &impl Classify<T, E>, result: &Result<T, E>) {
        let outcome = self.run(|| classify.classify(result));
        self.leave.end(outcome);
    }
}

impl<L: Leave> Drop for InCall<L> {
    #[inline]
    fn drop(&mut self) {
        if self.running {
            self.leave.end(Outcome::Failure);
        }
    }
}
