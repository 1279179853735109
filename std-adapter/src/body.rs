//! Response bodies that end the guarded call when they end.

use std::ops::ControlFlow::{Break, Continue};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::breaker::call::InCall;
use crate::breaker::permit::Permit;
use crate::classify::Outcome;
use crate::classify::response::ClassifyResponse;

pin_project! {
    /// A body that ends its call when it ends itself: as the classifier says at its end or
    /// its trailers, as a failure at an error, or when it is dropped after a panic. Dropped
    /// before its end, by a caller that does not wait for more of it, it ends the call as the
    /// head said if the classifier [counts that](ClassifyResponse::counts_unread) and the call
    /// is not slow by then. Otherwise it abandons the call, see
    /// [`abandoned`](crate::Builder::abandoned). Passes everything on unchanged.
    #[derive(Debug)]
    #[must_use = "the call lasts until its body has ended or is dropped"]
    pub struct GuardedBody<B: Body, C> {
        // `None`: the call was refused, and nothing follows.
        #[pin]
        inner: Option<B>,
        ends: Option<Ends<C>>,
    }

    impl<B: Body, C> PinnedDrop for GuardedBody<B, C> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let (Some(inner), Some(ends)) = (this.inner.as_pin_mut(), &*this.ends) else { return };
            // After a panic it may say anything; dropping the call makes that a failure.
            if ends.call.has_panicked() {
                return;
            }
            // It may have ended since it was last asked.
            let is_over = inner.is_end_stream();
            let is_unwanted = ends.counts_unread && !ends.is_awaited;
            if is_over || (is_unwanted && !ends.call.admission().is_slow()) {
                end(this.ends);
            }
        }
    }
}

/// What is left to do when the body ends.
#[derive(Debug)]
struct Ends<C> {
    call: InCall<Permit>,
    classify: C,
    /// How the call ends if nothing goes wrong and no trailers say otherwise.
    outcome: Outcome,
    /// Whether it ends like that also if the caller drops the body, in time.
    counts_unread: bool,
    /// Whether the caller waits for more of it.
    is_awaited: bool,
}

/// Ends the call, unless it has ended.
fn end<C>(ends: &mut Option<Ends<C>>) {
    if let Some(Ends { mut call, outcome, .. }) = ends.take() {
        call.end(outcome);
    }
}

/// Ends `call` when `response` ends.
pub(crate) fn guarded<B: Body, C: ClassifyResponse>(
    response: Response<B>,
    mut call: InCall<Permit>,
    classify: C,
) -> Response<GuardedBody<B, C>> {
    let (head, inner) = response.into_parts();
    let ends = match call.run(|| classify.head(head.status, &head.headers)) {
        Break(outcome) => {
            call.end(outcome);
            None
        }
        Continue(outcome) if inner.is_end_stream() => {
            call.end(outcome);
            None
        }
        Continue(outcome) => {
            let counts_unread = call.run(|| classify.counts_unread(head.status, &head.headers));
            Some(Ends { call, classify, outcome, counts_unread, is_awaited: false })
        }
    };
    Response::from_parts(head, GuardedBody { inner: Some(inner), ends })
}

/// The response to a call that was refused.
#[cfg(feature = "tower")]
pub(crate) fn refused<B: Body, C>(response: Response<()>) -> Response<GuardedBody<B, C>> {
    response.map(|()| GuardedBody { inner: None, ends: None })
}

impl<B: Body, C: ClassifyResponse> Body for GuardedBody<B, C> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let Some(ends) = this.ends else { return inner.poll_frame(context) };
        let frame = ends.call.run(|| inner.as_mut().poll_frame(context));
        ends.is_awaited = frame.is_pending();
        let frame = ready!(frame);
        let is_over = match &frame {
            None => true,
            Some(Err(_)) => {
                ends.outcome = Outcome::Failure;
                true
            }
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    let said = ends.call.run(|| ends.classify.trailers(trailers));
                    ends.outcome = said.unwrap_or(ends.outcome);
                }
                frame.is_trailers() || inner.is_end_stream()
            }
        };
        if is_over {
            end(this.ends);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}
