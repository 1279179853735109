//! Guarded calls.

mod future;
mod running;

use std::borrow::Borrow;
use std::future::{Future, poll_fn};
use std::pin::pin;

use microbreaker::window::Window;

use self::future::GuardedCall;
use self::running::Running;
use super::Breaker;
use super::permit::Permit;
use crate::classify::{Classify, ErrorsFail, Outcome};
use crate::engine::Core;
use crate::engine::versions::{Direct, Version};
use crate::error::CallError;

impl Breaker {
    /// Makes a guarded call. An `Err` is a failure; so is a panic, which continues to
    /// unwind.
    ///
    /// For fallbacks, use the methods of `Result`: by then the permit is back.
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
    /// The call's own error, or that it was refused and not made.
    #[inline]
    pub fn call<T, E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_classified(f, ErrorsFail)
    }

    /// [`call`](Self::call) with a classifier that says what the result means.
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
    /// The call's own error, or that it was refused and not made.
    #[inline]
    pub fn call_classified<T, E>(
        &self,
        f: impl FnOnce() -> Result<T, E>,
        classify: impl Classify<T, E>,
    ) -> Result<T, CallError<E>> {
        let call = Call { breaker: self, f, classify };
        self.inner().engines.directly(call)
    }

    /// Makes a guarded call of a future, on any executor. The first poll asks the
    /// breaker, and polls the future only if it is admitted. A future that is dropped
    /// half-way counts as abandoned; a panic is a failure.
    ///
    /// # Errors
    ///
    /// The call's own error, or that it was refused and not made.
    #[inline]
    pub fn call_async<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, CallError<E>>> {
        self.call_async_classified(call, ErrorsFail)
    }

    /// [`call_async`](Self::call_async) with a classifier that says what the result
    /// means.
    ///
    /// # Errors
    ///
    /// The call's own error, or that it was refused and not made.
    #[inline]
    pub fn call_async_classified<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        classify: impl Classify<T, E>,
    ) -> impl Future<Output = Result<T, CallError<E>>> {
        GuardedCall::new(self, call, classify)
    }

    /// Wraps `f` in a function that makes guarded calls of it.
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

/// A call of a function, not yet admitted.
struct Call<'a, F, C> {
    breaker: &'a Breaker,
    f: F,
    classify: C,
}

impl<T, E, F: FnOnce() -> Result<T, E>, C: Classify<T, E>> Direct for Call<'_, F, C> {
    type Done = Result<T, CallError<E>>;

    #[inline(always)]
    fn through(self, core: &Core<impl Window>, version: &Version) -> Self::Done {
        // The first poll of a future does the same. One function for both takes five
        // instructions more.
        let running = match core.try_acquire() {
            Ok(permit) => Running::new(self.breaker, permit.into_token()),
            Err(_) if core.is_retired() => return self.otherwise(),
            Err(rejected) => return Err(self.breaker.rejected(rejected).into()),
        };
        let result = (self.f)();
        running.end(core, version, self.classify.classify(&result).in_ticks());
        result.map_err(CallError::Failed)
    }

    #[cold]
    fn otherwise(self) -> Self::Done {
        call(self.breaker.try_acquire()?, self.f, self.classify).map_err(CallError::Failed)
    }
}

/// Makes the call that was admitted.
#[inline]
pub(crate) fn call<T, E>(
    admission: impl Admission,
    f: impl FnOnce() -> Result<T, E>,
    classify: impl Classify<T, E>,
) -> Result<T, E> {
    let mut call = InCall::new(admission);
    let result = call.run(f);
    call.finish(&classify, &result);
    result
}

/// What admits a call: a permit, or leave to go without.
#[allow(unreachable_pub, reason = "the sealed traits of the layer name it")]
pub trait Admission {
    /// Ends the call, unless it has ended.
    fn end(&mut self, outcome: Outcome);
}

impl<B: Borrow<Breaker>> Admission for Permit<B> {
    #[inline]
    fn end(&mut self, outcome: Outcome) {
        self.complete(outcome.in_ticks());
    }
}

/// A call in progress. If it panics while it runs, that is a failure. Otherwise,
/// dropping it drops the admission, which abandons the call.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "the sealed traits of the layer name it")]
pub struct InCall<A: Admission> {
    admission: A,
    /// Whether the caller's own code is running.
    running: bool,
}

impl<A: Admission> InCall<A> {
    #[inline]
    pub(crate) const fn new(admission: A) -> Self {
        Self { admission, running: false }
    }

    /// Runs a part of the call.
    #[inline]
    pub(crate) fn run<T>(&mut self, f: impl FnOnce() -> T) -> T {
        self.running = true;
        let value = f();
        self.running = false;
        value
    }

    /// Runs the future that is a part of the call.
    pub(crate) async fn run_async<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        poll_fn(|context| self.run(|| future.as_mut().poll(context))).await
    }

    /// Whether a panic has ended what it ran last.
    pub(crate) const fn has_panicked(&self) -> bool {
        self.running
    }

    #[cfg(any(all(feature = "http", feature = "tower"), feature = "reqwest"))]
    pub(crate) const fn admission(&self) -> &A {
        &self.admission
    }

    /// Ends the call as `classify` says, and returns what that was.
    #[inline]
    pub(crate) fn finish<T, E>(
        &mut self,
        classify: &impl Classify<T, E>,
        result: &Result<T, E>,
    ) -> Outcome {
        let outcome = self.run(|| classify.classify(result));
        self.end(outcome);
        outcome
    }

    /// Ends the call.
    #[inline]
    pub(crate) fn end(&mut self, outcome: Outcome) {
        self.admission.end(outcome);
    }

    #[cold]
    fn panicked(&mut self) {
        self.end(Outcome::Failure);
    }
}

impl<A: Admission> Drop for InCall<A> {
    #[inline]
    fn drop(&mut self) {
        if self.running {
            self.panicked();
        }
    }
}
