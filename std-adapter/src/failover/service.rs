//! Failover for tower.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::instance::{Admitted, Instance};
use super::{Failover, Journey};
use crate::breaker::call::InCall;
use crate::classify::{Classify, ErrorsFail};
use crate::error::{BoxError, Rejected};

/// Makes the request of the next attempt, if this one may be repeated.
type Repeat<R> = Arc<dyn Fn(&R) -> Option<R> + Send + Sync>;

/// A tower service that sends each request to an instance of a [`Failover`].
///
/// It is always ready, because which instance gets a request is decided when it is made.
/// The wait until a clone of that instance's service is ready is part of the call, and every
/// clone that gets ready is called: so no place in a concurrency limit is kept unused. A
/// timeout around this service covers that wait too. What it cuts short is abandoned; say by
/// [`abandoned`](crate::Builder::abandoned) what that counts as.
///
/// A service that is not `Sync`, a boxed one for example, cannot be shared among threads: use
/// `tower::util::BoxCloneSyncService`.
///
/// A refused request fails with a [`Rejected`] in its `tower::BoxError`.
pub struct FailoverService<S, R, C = ErrorsFail> {
    failover: Failover<S>,
    classify: C,
    repeat: Option<Repeat<R>>,
}

impl<S> Failover<S> {
    /// A tower service over the instances, whose callees are services for requests `R`.
    /// Every error is a failure, and each request is sent once.
    ///
    /// ```
    /// use microbreaker_std::{Breaker, Failover};
    /// use tower::{ServiceExt, service_fn};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// let breaker = |name| Breaker::builder(name)
    ///     .consecutive_failures(3).open_for(std::time::Duration::from_secs(9)).build();
    /// let upstream = |is_up: bool| service_fn(move |n: u32| async move {
    ///     if is_up { Ok(2 * n) } else { Err("down") }
    /// });
    /// let users = Failover::new("users", [
    ///     (breaker("users/a")?, upstream(false)),
    ///     (breaker("users/b")?, upstream(true)),
    /// ])?;
    /// let service = users.attempts(2).service().repeating(|n: &u32| Some(*n));
    /// assert_eq!(service.oneshot(21).await?, 42);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn service<R>(&self) -> FailoverService<S, R> {
        FailoverService { failover: self.clone(), classify: ErrorsFail, repeat: None }
    }
}

impl<S, R, C> FailoverService<S, R, C> {
    /// Sets the classifier, which says what a response or an error means. It sees the head of
    /// a response: what breaks off later counts for nobody.
    pub fn classified<D>(self, classify: D) -> FailoverService<S, R, D> {
        FailoverService { failover: self.failover, classify, repeat: self.repeat }
    }

    /// Lets requests that fail go on to other instances, up to the number of
    /// [`attempts`](Failover::attempts). `repeat` copies a request before it is sent, or
    /// returns `None` if it must not be sent again, as a `POST`.
    #[must_use]
    pub fn repeating(self, repeat: impl Fn(&R) -> Option<R> + Send + Sync + 'static) -> Self {
        Self { repeat: Some(Arc::new(repeat)), ..self }
    }

    /// The instances.
    pub const fn failover(&self) -> &Failover<S> {
        &self.failover
    }
}

impl<S, R, C: Clone> Clone for FailoverService<S, R, C> {
    fn clone(&self) -> Self {
        Self {
            failover: self.failover.clone(),
            classify: self.classify.clone(),
            repeat: self.repeat.clone(),
        }
    }
}

impl<S, R, C> fmt::Debug for FailoverService<S, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailoverService").field("failover", &self.failover).finish_non_exhaustive()
    }
}

impl<S, R, C> Service<R> for FailoverService<S, R, C>
where
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = FailoverFuture<S, R, C>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        let journey = Journey::new(self.failover.clone());
        let mut attempts = Attempts { journey, repeat: self.repeat.clone(), spare: None };
        let state = match attempts.journey.begin() {
            Ok(admitted) => attempts.send(admitted, request),
            Err(rejected) => State::Refused { rejected: Some(rejected) },
        };
        FailoverFuture { state, attempts, classify: self.classify.clone() }
    }
}

struct Attempts<S, R> {
    journey: Journey<S>,
    repeat: Option<Repeat<R>>,
    /// The request of the next attempt.
    spare: Option<R>,
}

impl<S: Service<R> + Clone, R> Attempts<S, R> {
    fn send(&mut self, admitted: Admitted<S>, request: R) -> State<S, R, S::Future> {
        let instance = admitted.instance().clone();
        let mut call = InCall::new(admitted);
        if self.journey.may_go_on() {
            let repeat = self.repeat.as_ref();
            self.spare = call.run(|| repeat.and_then(|repeat| repeat(&request)));
        }
        let service = call.run(|| instance.callee().clone());
        State::Waiting {
            call: Some(call),
            instance: Some(instance),
            service,
            request: Some(request),
        }
    }
}

pin_project! {
    /// The response of a [`FailoverService`]. A request that is dropped half-way counts as
    /// abandoned; a panic in it is a failure.
    pub struct FailoverFuture<S: Service<R>, R, C> {
        #[pin]
        state: State<S, R, S::Future>,
        attempts: Attempts<S, R>,
        classify: C,
    }
}

pin_project! {
    #[project = Projected]
    enum State<S, R, F> {
        /// For the service of the instance to be ready.
        Waiting {
            call: Option<InCall<Admitted<S>>>,
            instance: Option<Instance<S>>,
            service: S,
            request: Option<R>,
        },
        Called {
            call: Option<InCall<Admitted<S>>>,
            instance: Option<Instance<S>>,
            #[pin]
            future: F,
        },
        Refused { rejected: Option<Rejected> },
    }
}

impl<S, R, C> Future for FailoverFuture<S, R, C>
where
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
    C: Classify<S::Response, S::Error>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        const AFTER_THE_END: &str = "polled after it was ready";
        let mut this = self.project();
        loop {
            let (mut call, instance, result) = match this.state.as_mut().project() {
                Projected::Refused { rejected } => {
                    let rejected = rejected.take().expect(AFTER_THE_END);
                    return Poll::Ready(Err(rejected.into()));
                }
                Projected::Waiting { call, instance, service, request } => {
                    let in_call = call.as_mut().expect(AFTER_THE_END);
                    match ready!(in_call.run(|| service.poll_ready(context))) {
                        Ok(()) => {
                            let request = request.take().expect(AFTER_THE_END);
                            let future = in_call.run(|| service.call(request));
                            let (call, instance) = (call.take(), instance.take());
                            this.state.set(State::Called { call, instance, future });
                            continue;
                        }
                        Err(error) => (call.take(), instance.take(), Err(error)),
                    }
                }
                Projected::Called { call, instance, future } => {
                    let in_call = call.as_mut().expect(AFTER_THE_END);
                    let result = ready!(in_call.run(|| future.poll(context)));
                    (call.take(), instance.take(), result)
                }
            };
            let outcome = call.as_mut().expect(AFTER_THE_END).finish(&*this.classify, &result);
            // The call ends here, before the next one begins.
            drop(call);
            let attempts = &mut *this.attempts;
            let next = attempts.spare.take().and_then(|request| {
                let instance = instance.expect(AFTER_THE_END);
                Some((attempts.journey.go_on(instance, outcome)?, request))
            });
            match next {
                Some((admitted, request)) => {
                    let state = attempts.send(admitted, request);
                    this.state.set(state);
                }
                None => return Poll::Ready(result.map_err(Into::into)),
            }
        }
    }
}
