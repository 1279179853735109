//! A layer for tower.

mod judge;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use microbreaker::Phase;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

#[cfg(feature = "http")]
pub use self::judge::AtEnd;
pub use self::judge::AtOnce;
use self::judge::Judge;
use crate::breaker::Breaker;
use crate::breaker::call::InCall;
use crate::breaker::permit::Permit;
use crate::classify::ErrorsFail;
use crate::error::{BoxError, Rejected};
#[cfg(feature = "registry")]
use crate::registry::Registry;
#[cfg(feature = "registry")]
use crate::source::Keyed;
use crate::source::Source;

/// Guards services with a [`Breaker`], or with one for each host, tenant or endpoint.
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
/// `error.downcast_ref::<Rejected>()`. Under
#[cfg_attr(feature = "http", doc = "[`GrpcResponses`](crate::GrpcResponses)")]
#[cfg_attr(not(feature = "http"), doc = "`GrpcResponses`")]
/// it is answered with `UNAVAILABLE` instead.
///
/// All services from one layer, or from its clones, share the breaker. Each call of the
/// inner service is admitted first. While the breaker is open, the inner service is not
/// even asked whether it is ready.
///
/// A refusal gives back what the inner service has reserved for the request, a place in a
/// concurrency limit for example, by replacing it with a clone of itself. So the inner
/// service must be `Clone`, and its clones must reserve nothing, as in tower.
///
/// `C` says when a call ends and as what: by default at once, and every error is a failure.
/// `K` is the breaker, or says which.
#[derive(Clone, Debug)]
pub struct BreakerLayer<C = AtOnce<ErrorsFail>, K = Breaker> {
    source: K,
    classify: C,
}

impl BreakerLayer {
    /// Guards services with `breaker`. Every error is a failure.
    #[must_use]
    pub const fn new(breaker: Breaker) -> Self {
        Self { source: breaker, classify: AtOnce(ErrorsFail) }
    }
}

#[cfg(feature = "registry")]
impl<F> BreakerLayer<AtOnce<ErrorsFail>, Keyed<F>> {
    /// Guards each request with the breaker of `registry` whose name `key` returns. Every
    /// error is a failure.
    ///
    /// The names may come from outside: the registry bounds their length and number. Do not
    /// use secrets, because names are logged and shown. Per request this costs the look-up,
    /// and no allocation if the breaker exists and `key` borrows.
    ///
    /// ```
    /// use microbreaker_std::{Breaker, BreakerLayer, Registry};
    /// use std::borrow::Cow;
    /// # struct Query { tenant: String }
    /// let template = Breaker::builder("template").consecutive_failures(5);
    /// let registry = Registry::new(template.open_for(std::time::Duration::from_secs(30)))?;
    /// let layer = BreakerLayer::keyed(registry, |query: &Query| Cow::Borrowed(&*query.tenant));
    /// # tower_layer::Layer::layer(&layer, ());
    /// # Ok::<(), microbreaker_std::BuildError>(())
    /// ```
    ///
    /// Which breaker a request needs is known only when it is there. So the inner service
    /// is asked whether it is ready also while some breakers are open, and an error of its
    /// readiness counts for none of them.
    #[must_use]
    pub const fn keyed<R>(registry: Registry, key: F) -> Self
    where
        F: Fn(&R) -> std::borrow::Cow<'_, str>,
    {
        Self { source: Keyed { registry, key }, classify: AtOnce(ErrorsFail) }
    }
}

impl<C, K> BreakerLayer<C, K> {
    /// Sets the classifier, which says what a response or an error means. The call ends
    /// with the response; of an HTTP response, that is its head.
    pub fn classified<D>(self, classify: D) -> BreakerLayer<AtOnce<D>, K> {
        BreakerLayer { source: self.source, classify: AtOnce(classify) }
    }

    /// Judges HTTP responses when their bodies have ended, by a
    /// [`ClassifyResponse`](crate::ClassifyResponse) such as
    /// [`HttpResponses`](crate::HttpResponses) or [`GrpcResponses`](crate::GrpcResponses).
    /// A body that breaks off is a failure, and the time of the call lasts until its end.
    ///
    /// A caller that drops the body before its end, because it wants nothing but the status
    /// for example, ends the call as the head said. It abandons the call if that is slow by
    /// then, and if the classifier does not
    /// [count it](crate::ClassifyResponse::counts_unread), as with gRPC.
    #[cfg(feature = "http")]
    pub fn judged_at_end<D>(self, classify: D) -> BreakerLayer<AtEnd<D>, K> {
        BreakerLayer { source: self.source, classify: AtEnd(classify) }
    }
}

impl<S, C: Clone, K: Clone> Layer<S> for BreakerLayer<C, K> {
    type Service = BreakerService<S, C, K>;

    fn layer(&self, inner: S) -> Self::Service {
        BreakerService {
            inner,
            source: self.source.clone(),
            classify: self.classify.clone(),
            asked: Asked::Nothing,
            may_hold: false,
        }
    }
}

/// A service behind a [`Breaker`], or behind one for each key.
#[derive(Debug)]
pub struct BreakerService<S, C = AtOnce<ErrorsFail>, K = Breaker> {
    inner: S,
    source: K,
    classify: C,
    asked: Asked,
    /// Whether the inner service was asked, so that it may hold a place, or queue for one.
    may_hold: bool,
}

/// What `poll_ready` has asked.
#[derive(Debug)]
enum Asked {
    Nothing,
    /// Only the breaker, which refuses.
    Breaker,
    /// The inner service, which is ready, and the breaker, if it is known.
    Inner,
}

/// A clone has not asked yet.
impl<S: Clone, C: Clone, K: Clone> Clone for BreakerService<S, C, K> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            source: self.source.clone(),
            classify: self.classify.clone(),
            asked: Asked::Nothing,
            may_hold: false,
        }
    }
}

impl<S, C> BreakerService<S, C> {
    /// The breaker.
    pub const fn breaker(&self) -> &Breaker {
        &self.source
    }
}

impl<S: Clone, C, K> BreakerService<S, C, K> {
    /// Gives back what the inner service has reserved.
    fn give_back(&mut self) {
        if std::mem::take(&mut self.may_hold) {
            self.inner = self.inner.clone();
        }
    }
}

impl<S, C, K, Request> Service<Request> for BreakerService<S, C, K>
where
    S: Service<Request> + Clone,
    S::Error: Into<BoxError>,
    C: Judge<S::Response, S::Error> + Clone,
    K: Source<Request>,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = BreakerFuture<S::Future, C>;

    /// Ready at once while the breaker is open, because the request will be refused.
    /// Otherwise ready when the inner service is. Takes no permit, so a service that is
    /// never called holds no probe. To wait while the breaker refuses, wait for
    /// [`Breaker::ready`] before.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.asked = Asked::Nothing;
        let breaker = self.source.of_all();
        if breaker.is_some_and(|b| matches!(b.phase(), Phase::Open | Phase::ForcedOpen)) {
            self.give_back();
            self.asked = Asked::Breaker;
            return Poll::Ready(Ok(()));
        }
        self.may_hold = true;
        match ready!(self.inner.poll_ready(context)) {
            Ok(()) => {
                self.asked = Asked::Inner;
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                // No call was made, but this says how one would end.
                let permit = breaker.cloned().and_then(Permit::acquire_quietly);
                let Some(permit) = permit else { return Poll::Ready(Err(error.into())) };
                let judged = self.classify.judge(InCall::new(permit), Err(error));
                Poll::Ready(judged.map(|_| ()))
            }
        }
    }

    /// # Panics
    ///
    /// If `poll_ready` has not returned ready since the last call.
    fn call(&mut self, request: Request) -> Self::Future {
        let admitted = match std::mem::replace(&mut self.asked, Asked::Nothing) {
            Asked::Nothing => panic!("poll_ready must return ready before each call"),
            Asked::Inner => self.source.acquire(&request),
            Asked::Breaker => self.source.acquire(&request).and_then(|permit| {
                // By now the breaker admits, but whether the inner service is ready is
                // unknown.
                let breaker = permit.breaker().clone();
                permit.ignore();
                let refused_by = &breaker.inner().telemetry.refused_by;
                Err(Rejected::new(refused_by, breaker.phase(), None))
            }),
        };
        let state = match admitted {
            Ok(permit) => {
                self.may_hold = false;
                let mut call = InCall::new(permit);
                let future = call.run(|| self.inner.call(request));
                State::Called { future, call: Some((call, self.classify.clone())) }
            }
            Err(rejected) => {
                self.give_back();
                State::Refused { refused: Some((rejected, self.classify.clone())) }
            }
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
        Called { #[pin] future: F, call: Option<(InCall<Permit>, C)> },
        Refused { refused: Option<(Rejected, C)> },
    }
}

impl<F, C, T, E> Future for BreakerFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
    C: Judge<T, E>,
{
    type Output = Result<C::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        const AFTER_THE_END: &str = "polled after it was ready";
        match self.project().state.project() {
            Projected::Refused { refused } => {
                let (rejected, classify) = refused.take().expect(AFTER_THE_END);
                Poll::Ready(classify.refuse(rejected).map_err(Into::into))
            }
            Projected::Called { future, call } => {
                let result = {
                    let (call, _) = call.as_mut().expect(AFTER_THE_END);
                    ready!(call.run(|| future.poll(context)))
                };
                let (call, classify) = call.take().expect(AFTER_THE_END);
                Poll::Ready(classify.judge(call, result))
            }
        }
    }
}
