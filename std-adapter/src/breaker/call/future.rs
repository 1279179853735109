//! A guarded call of a future.

use std::pin::Pin;
use std::task::{Context, Poll};

use microbreaker::window::Window;
use pin_project_lite::pin_project;

use super::InCall;
use super::running::Running;
use crate::breaker::Breaker;
use crate::breaker::permit::Permit;
use crate::classify::Classify;
use crate::engine::Core;
use crate::engine::versions::{Direct, Version};
use crate::error::{CallError, Rejected};

const AFTER_END: &str = "a guarded call was polled after its end";

pin_project! {
    /// A call of the future `F`, as large as that and a permit.
    ///
    /// Fields are dropped in this order: a call dropped half-way lets go of the callee
    /// before its permit is handed back, so that the next probe finds the callee free.
    pub(super) struct GuardedCall<'a, F, C> {
        // Until it has ended, as in an `async fn`: what it holds, others may wait for.
        #[pin]
        call: Option<F>,
        // As long as it was not polled: the breaker has not been asked. Not one `enum` with
        // what follows, because few calls ever have that.
        unasked: Option<&'a Breaker>,
        // While it waits.
        admitted: Option<InCall<Permit<&'a Breaker>>>,
        classify: C,
    }
}

impl<'a, F, C> GuardedCall<'a, F, C> {
    #[inline]
    pub(super) const fn new(breaker: &'a Breaker, call: F, classify: C) -> Self {
        Self { call: Some(call), unasked: Some(breaker), admitted: None, classify }
    }
}

/// The first poll. Most calls end in it and never need a permit.
struct First<'f, 'c, 'a, F, C> {
    breaker: &'a Breaker,
    call: Pin<&'f mut GuardedCall<'a, F, C>>,
    context: &'f mut Context<'c>,
}

impl<F, C, T, E> Direct for First<'_, '_, '_, F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
{
    type Done = Poll<Result<T, CallError<E>>>;

    #[inline(always)]
    fn through(self, core: &Core<impl Window>, version: &Version) -> Self::Done {
        let running = match core.try_acquire() {
            Ok(permit) => Running::new(self.breaker, permit.into_token()),
            Err(_) if core.is_retired() => return self.otherwise(),
            Err(rejected) => return self.call.refused(self.breaker.rejected(rejected)),
        };
        let mut this = self.call.project();
        match poll_once(this.call.as_mut(), self.context) {
            Poll::Pending => {
                *this.admitted = Some(InCall::new(running.pause()));
                Poll::Pending
            }
            Poll::Ready(result) => {
                running.end(core, version, this.classify.classify(&result).in_ticks());
                Poll::Ready(result.map_err(CallError::Failed))
            }
        }
    }

    #[cold]
    fn otherwise(self) -> Self::Done {
        match self.breaker.try_acquire() {
            Ok(permit) => self.call.go_on(InCall::new(permit), self.context),
            Err(rejected) => self.call.refused(rejected),
        }
    }
}

impl<'a, F, C, T, E> GuardedCall<'a, F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
{
    #[cold]
    fn refused(self: Pin<&mut Self>, rejected: Rejected) -> Poll<Result<T, CallError<E>>> {
        self.project().call.set(None);
        Poll::Ready(Err(rejected.into()))
    }

    /// Polls the call that was admitted.
    fn go_on(
        self: Pin<&mut Self>,
        mut in_call: InCall<Permit<&'a Breaker>>,
        context: &mut Context<'_>,
    ) -> Poll<Result<T, CallError<E>>> {
        let mut this = self.project();
        match in_call.run(|| poll_once(this.call.as_mut(), context)) {
            Poll::Pending => {
                *this.admitted = Some(in_call);
                Poll::Pending
            }
            Poll::Ready(result) => {
                in_call.finish(this.classify, &result);
                Poll::Ready(result.map_err(CallError::Failed))
            }
        }
    }
}

/// Polls the call, and drops it once it has ended: before its permit is handed back.
#[inline(always)]
fn poll_once<F: Future>(
    mut call: Pin<&mut Option<F>>,
    context: &mut Context<'_>,
) -> Poll<F::Output> {
    let polled = call.as_mut().as_pin_mut().expect(AFTER_END).poll(context);
    if polled.is_ready() {
        call.set(None);
    }
    polled
}

impl<F, C, T, E> Future for GuardedCall<'_, F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
{
    type Output = Result<T, CallError<E>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        if let Some(breaker) = this.unasked.take() {
            return breaker.inner().engines.directly(First { breaker, call: self, context });
        }
        let in_call = this.admitted.take().expect(AFTER_END);
        self.go_on(in_call, context)
    }
}
