//! A guarded call of a future.

use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Gate, InCall, Permit};
use crate::error::CallError;
use crate::event::Outcome;

pin_project! {
    /// A call of the future `F`, as large as that and a permit.
    ///
    /// Fields are dropped in this order: a call dropped half-way lets go of the callee
    /// before its permit is handed back, so that the next probe finds the callee free.
    pub(super) struct GuardedCall<'a, G: Gate, F, C> {
        #[pin]
        call: F,
        stage: Stage<'a, G, C>,
    }
}

/// How far a call has come, and what judges its result.
enum Stage<'a, G: Gate, C> {
    /// Not polled yet: the gate has not been asked.
    Unasked(&'a G, C),
    Admitted(Permit<'a, G>, C),
    Ended,
}

impl<'a, G: Gate, F, C> GuardedCall<'a, G, F, C> {
    #[inline]
    pub(super) const fn new(gate: &'a G, call: F, classify: C) -> Self {
        Self { call, stage: Stage::Unasked(gate, classify) }
    }
}

impl<G, F, C, T, E> Future for GuardedCall<'_, G, F, C>
where
    G: Gate,
    F: Future<Output = Result<T, E>>,
    C: FnOnce(&Result<T, E>) -> Outcome,
{
    type Output = Result<T, CallError<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (permit, classify) = match mem::replace(this.stage, Stage::Ended) {
            Stage::Unasked(gate, classify) => (gate.try_acquire()?, classify),
            Stage::Admitted(permit, classify) => (permit, classify),
            Stage::Ended => panic!("a guarded call was polled after its end"),
        };
        // Unwinding through a poll is a failure; a drop between two polls is not.
        let in_call = InCall::new(permit);
        match this.call.poll(context) {
            Poll::Pending => {
                *this.stage = Stage::Admitted(in_call.pause(), classify);
                Poll::Pending
            }
            Poll::Ready(result) => {
                let outcome = classify(&result);
                in_call.finish(outcome);
                Poll::Ready(result.map_err(CallError::Failed))
            }
        }
    }
}
