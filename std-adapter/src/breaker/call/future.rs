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
use crate::error::CallError;

pin_project! {
    /// A call of the future `F`, as large as that and a permit.
    ///
    /// Fields are dropped in this order: a call dropped half-way lets go of the callee
    /// before its permit is handed back, so that the next probe finds the callee free.
    pub(super) struct GuardedCall<'a, F, C> {
        #[pin]
        call: F,
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
        Self { call, unasked: Some(breaker), admitted: None, classify }
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
        let running = match Running::begin(self.breaker, core) {
            Ok(running) => running,
            Err(None) => return self.otherwise(),
            Err(Some(rejected)) => return Poll::Ready(Err(rejected.into())),
        };
        let this = self.call.project();
        match this.call.poll(self.context) {
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
        let permit = self.breaker.try_acquire()?;
        self.call.go_on(InCall::new(permit), self.context)
    }
}

impl<'a, F, C, T, E> GuardedCall<'a, F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
{
    /// Polls the call that was admitted.
    fn go_on(
        self: Pin<&mut Self>,
        mut in_call: InCall<Permit<&'a Breaker>>,
        context: &mut Context<'_>,
    ) -> Poll<Result<T, CallError<E>>> {
        let this = self.project();
        match in_call.run(|| this.call.poll(context)) {
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
        let in_call = this.admitted.take().expect("a guarded call was polled after its end");
        self.go_on(in_call, context)
    }
}
