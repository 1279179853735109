//! A layer for tower.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use microbreaker::Phase;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::breaker::Breaker;
use crate::breaker::call::InCall;
use crate::breaker::permit::Permit;
use crate::classify::{Classify, ErrorsFail};
use crate::error::Rejected;

/// `tower::BoxError`, the error of tower's own layers.
type BoxError = Box<dyn Error + Send + Sync>;

/// Guards services with a [`Breaker`].
///
/// ```
/// use microbreaker_std::{Breaker, BreakerLayer, Rejected};
/// use tower_layer::Layer;
/// use tower_service::Service;
/// # #[derive(Clone)]
/// # struct Upstream;
/// # impl Service<u32> for Upstream {
/// #     type Response = u32;
/// #     type Error = std::io::Error;
/// #     type Future = std::future::Ready<Result<u32, std::io::Error>>;
/// #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<std::io::Result<()>> {
/// #         std::task::Poll::Ready(Ok(()))
/// #     }
/// #     fn call(&mut self, _: u32) -> Self::Future {
/// #         std::future::ready(Err(std::io::ErrorKind::TimedOut.into()))
/// #     }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), microbreaker_std::BuildError> {
/// let users = Breaker::builder("users")
///     .consecutive_failures(1)
///     .open_for(std::time::Duration::from_secs(30))
///     .build()?;
/// let mut service = BreakerLayer::new(users).layer(Upstream);
///
/// std::future::poll_fn(|context| service.poll_ready(context)).await.unwrap();
/// let failed = service.call(42).await.unwrap_err();
/// assert!(failed.is::<std::io::Error>());
///
/// std::future::poll_fn(|context| service.poll_ready(context)).await.unwrap();
/// let refused = service.call(42).await.unwrap_err();
/// assert!(refused.is::<Rejected>());
/// # Ok(())
/// # }
/// ```
/// A refused request fails with a [`Rejected`] in its `tower::BoxError`:
/// `error.downcast_ref::<Rejected>()`.
///
/// All services from one layer, or from its clones, share the breaker. Each call of the
/// inner service is admitted first. While the breaker is open, the inner service is not
/// even asked whether it is ready.
///
/// `C` classifies responses and errors. By default every error is a failure.
#[derive(Clone, Debug)]
pub struct BreakerLayer<C = ErrorsFail> {
    breaker: Breaker,
    classify: C,
}

impl BreakerLayer {
    /// Guards services with `breaker`. Every error is a failure.
    #[must_use]
    pub const fn new(breaker: Breaker) -> Self {
        Self { breaker, classify: ErrorsFail }
    }
}

impl<C> BreakerLayer<C> {
    /// Sets the classifier, which says what a response or an error means.
    pub fn classified<D>(self, classify: D) -> BreakerLayer<D> {
        BreakerLayer { breaker: self.breaker, classify }
    }
}

impl<S, C: Clone> Layer<S> for BreakerLayer<C> {
    type Service = BreakerService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        BreakerService {
            inner,
            breaker: self.breaker.clone(),
            classify: self.classify.clone(),
            asked: Asked::Nothing,
        }
    }
}

/// A service behind a [`Breaker`].
#[derive(Debug)]
pub struct BreakerService<S, C = ErrorsFail> {
    inner: S,
    breaker: Breaker,
    classify: C,
    asked: Asked,
}

/// What `poll_ready` has asked.
#[derive(Debug)]
enum Asked {
    Nothing,
    /// Only the breaker, which refuses.
    Breaker,
    /// The breaker, which does not refuse, and the inner service, which is ready.
    Both,
}

/// A clone has not asked yet.
impl<S: Clone, C: Clone> Clone for BreakerService<S, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            breaker: self.breaker.clone(),
            classify: self.classify.clone(),
            asked: Asked::Nothing,
        }
    }
}

impl<S, C> BreakerService<S, C> {
    /// The breaker.
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }
}

impl<S, C, Request> Service<Request> for BreakerService<S, C>
where
    S: Service<Request>,
    S::Error: Into<BoxError>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BreakerFuture<S::Future, C>;

    /// Ready at once while the breaker is open, because the request will be refused.
    /// Otherwise ready when the inner service is. Takes no permit, so a service that is
    /// never called holds no probe. To wait while the breaker refuses, wait for
    /// [`Breaker::ready`] before.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.asked = Asked::Nothing;
        if matches!(self.breaker.phase(), Phase::Open | Phase::ForcedOpen) {
            self.asked = Asked::Breaker;
            return Poll::Ready(Ok(()));
        }
        let result = ready!(self.inner.poll_ready(context));
        match result {
            Ok(()) => {
                self.asked = Asked::Both;
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                let result = Err(error);
                // No call was made, but this says how one would end.
                if let Some(permit) = self.breaker.try_acquire_quietly() {
                    permit.finish(self.classify.classify(&result));
                }
                Poll::Ready(result.map(|_| ()).map_err(Into::into))
            }
        }
    }

    /// # Panics
    ///
    /// If `poll_ready` has not returned ready since the last call.
    fn call(&mut self, request: Request) -> Self::Future {
        let outcome = match std::mem::replace(&mut self.asked, Asked::Nothing) {
            Asked::Nothing => panic!("poll_ready must return ready before each call"),
            Asked::Breaker => self.breaker.try_acquire_owned().and_then(|permit| {
                // By now the breaker admits, but whether the inner service is ready is
                // unknown.
                permit.ignore();
                let (name, phase) = (self.breaker.name().clone(), self.breaker.phase());
                Err(Rejected { name, phase, retry_after: None })
            }),
            Asked::Both => self.breaker.try_acquire_owned(),
        };
        let state = match outcome {
            Ok(permit) => {
                let mut call = InCall::new(permit);
                let future = call.run(|| self.inner.call(request));
                State::Called { future, call: Some(call), classify: self.classify.clone() }
            }
            Err(rejected) => State::Refused { rejected: Some(rejected) },
        };
        BreakerFuture { state }
    }
}

pin_project! {
    /// The response of a [`BreakerService`]. A request that is dropped half-way counts as
    /// abandoned; a panic in it is a failure.
    pub struct BreakerFuture<F, C> {
        #[pin]
        state: State<F, C>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F, C> {
        Called { #[pin] future: F, call: Option<InCall<Permit>>, classify: C },
        Refused { rejected: Option<Rejected> },
    }
}

impl<F, C, T, E> Future for BreakerFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
    C: Classify<T, E>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        const AFTER_THE_END: &str = "polled after it was ready";
        match self.project().state.project() {
            Projected::Refused { rejected } => {
                let rejected = rejected.take().expect(AFTER_THE_END);
                Poll::Ready(Err(rejected.into()))
            }
            Projected::Called { future, call, classify } => {
                let result = {
                    let call = call.as_mut().expect(AFTER_THE_END);
                    ready!(call.run(|| future.poll(context)))
                };
                call.take().expect(AFTER_THE_END).finish(&*classify, &result);
                Poll::Ready(result.map_err(Into::into))
            }
        }
    }
}
