//! A service that stays up while its upstream does not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use microbreaker_std::clock::MonotonicClock;
use microbreaker_std::{
    Breaker, BreakerLayer, Classify, ErrorsFail, Failover, HttpResponses, LastGood, Outcome,
    Rejected,
};
use reqwest::Client;
use tower::retry::Policy;
use tower::retry::budget::{Budget, TpsBudget};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder, ServiceExt};

/// The timeout of an attempt.
pub const TIMEOUT: Duration = Duration::from_millis(250);

/// How many requests may wait for the upstream at once.
pub const AT_ONCE: usize = 64;

/// The header that says how fresh an answer is: `fresh` or `cached`.
pub const ANSWER: &str = "answer";

/// `GET /rate`: the upstream's answer, or its last good one. Without a breaker, every
/// request calls the upstream, however often it has failed. `on_attempt` runs at the start
/// of each attempt.
///
/// # Panics
///
/// If the HTTP client cannot be built.
pub fn app(
    upstream: SocketAddr,
    breaker: Option<Breaker>,
    on_attempt: impl Fn() + Clone + Send + Sync + 'static,
) -> Router {
    router(guarded(upstream, breaker, on_attempt))
}

/// The same with an upstream of several instances. A request that fails goes on to another
/// one; there may be as many attempts as `instances` says.
///
/// A failed attempt is repeated elsewhere, so there are no other retries. The limit is that of
/// all instances together.
pub fn app_of(instances: &Failover<Upstream>) -> Router {
    let at_first = instances.instances().len();
    let instances = instances.service().repeating(|()| Some(()));
    let service = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(AT_ONCE * at_first)
        .service(instances.classified(HttpResponses::new()));
    router(BoxCloneSyncService::new(service))
}

/// Sends a request to the upstream, or to an instance of it.
pub type Upstream = BoxCloneSyncService<(), http::Response<String>, BoxError>;

/// The upstream at this address. Its requests time out.
///
/// # Panics
///
/// If the HTTP client cannot be built.
pub fn upstream(
    address: SocketAddr,
    on_attempt: impl Fn() + Clone + Send + Sync + 'static,
) -> Upstream {
    // No proxy from the environment: the upstream is on this host.
    let client = Client::builder().no_proxy().build().expect("the default client can be built");
    let url = format!("http://{address}/rate");
    let service = ServiceBuilder::new().timeout(TIMEOUT).service_fn(move |()| {
        on_attempt();
        ask(client.get(&url))
    });
    BoxCloneSyncService::new(service)
}

fn router(upstream: Upstream) -> Router {
    let last = LastGood::by(MonotonicClock::new(), 1);
    Router::new().route("/rate", get(rate)).with_state(Arc::new(Service { upstream, last }))
}

struct Service {
    upstream: Upstream,
    last: LastGood<(), String>,
}

/// The layers round the upstream. Their order matters; from the outermost in:
///
/// - The concurrency limit sheds requests beyond [`AT_ONCE`]. They have not failed, so the
///   breaker must not hear of them. A request keeps its place between two attempts.
/// - Retries are outside the breaker: it counts each attempt, and once it is open there
///   are no more. A budget bounds the load that retries add to a failing upstream.
/// - The timeout is inside the breaker, which sees an attempt that takes too long as a
///   failure. Outside, it would only abandon the call, which counts as nothing. It covers
///   the whole answer, not only its head.
fn guarded(
    address: SocketAddr,
    breaker: Option<Breaker>,
    on_attempt: impl Fn() + Clone + Send + Sync + 'static,
) -> Upstream {
    let service = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(AT_ONCE)
        .retry(OneMore::default())
        .option_layer(breaker.map(|b| BreakerLayer::new(b).classified(HttpResponses::new())))
        .service(upstream(address, on_attempt));
    BoxCloneSyncService::new(service)
}

async fn ask(request: reqwest::RequestBuilder) -> Result<http::Response<String>, BoxError> {
    let response = request.send().await?;
    let mut answer = http::Response::new(String::new());
    *answer.status_mut() = response.status();
    answer.headers_mut().clone_from(response.headers());
    *answer.body_mut() = response.text().await?;
    Ok(answer)
}

/// One more attempt after a failed one, for up to a fifth of the requests. Repeating a
/// request is harmless here.
#[derive(Clone)]
struct OneMore {
    budget: Arc<TpsBudget>,
    attempts_left: u32,
}

impl Default for OneMore {
    fn default() -> Self {
        let budget = TpsBudget::new(Duration::from_secs(10), 1, 0.2);
        Self { budget: Arc::new(budget), attempts_left: 1 }
    }
}

impl Policy<(), http::Response<String>, BoxError> for OneMore {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        (): &mut (),
        result: &mut Result<http::Response<String>, BoxError>,
    ) -> Option<Self::Future> {
        let refused = result.as_ref().is_err_and(|error| error.is::<Rejected>());
        // `FailureOpenFor` means that the upstream asked for a pause.
        if !matches!(HttpResponses::new().classify(result), Outcome::Failure | Outcome::Unanswered)
        {
            self.budget.deposit();
            return None;
        }
        if refused || self.attempts_left == 0 || !self.budget.withdraw() {
            return None;
        }
        self.attempts_left -= 1;
        Some(std::future::ready(()))
    }

    fn clone_request(&mut self, (): &()) -> Option<()> {
        Some(())
    }
}

async fn rate(State(service): State<Arc<Service>>) -> Response {
    let answer = service.upstream.clone().oneshot(()).await;
    // The fallback is out here, where it holds neither a permit nor a place in the limit.
    let answer = answer.and_then(|answer| match answer.status() {
        StatusCode::OK => Ok(answer.into_body()),
        status => Err(format!("the upstream answered {status}").into()),
    });
    let freshness = if answer.is_ok() { "fresh" } else { "cached" };
    match service.last.or_last((), answer, ErrorsFail) {
        Ok(rate) => ([(ANSWER, freshness)], rate).into_response(),
        Err(error) => unavailable(error),
    }
}

fn unavailable(error: BoxError) -> Response {
    match error.downcast::<Rejected>() {
        Ok(rejected) => rejected.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
