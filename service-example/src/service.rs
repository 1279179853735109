//! A service that stays up while its upstream does not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::RETRY_AFTER;
use microbreaker_std::{
    Breaker, BreakerLayer, Classify, HttpResponses, LastGood, Outcome, Rejected,
};
use reqwest::Client;
use tower::retry::Policy;
use tower::retry::budget::{Budget, TpsBudget};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder, ServiceExt};

/// How long an attempt may take.
pub const TIMEOUT: Duration = Duration::from_millis(250);

/// How many requests may wait for the upstream at once.
pub const AT_ONCE: usize = 64;

/// The header that says how fresh an answer is: `fresh` or `cached`.
pub const ANSWER: &str = "answer";

/// `GET /rate`: the upstream's answer, or its last good one. Without a breaker the
/// upstream is called each time, whatever it did before. `on_ask` is called at each
/// attempt.
///
/// # Panics
///
/// If no HTTP client can be made.
pub fn app(
    upstream: SocketAddr,
    breaker: Option<Breaker>,
    on_ask: impl Fn() + Clone + Send + Sync + 'static,
) -> Router {
    let service = Service { upstream: guarded(upstream, breaker, on_ask), last: LastGood::new() };
    Router::new().route("/rate", get(rate)).with_state(Arc::new(service))
}

struct Service {
    upstream: BoxCloneSyncService<(), http::Response<String>, BoxError>,
    last: LastGood<String>,
}

/// The way to the upstream. The order matters, outermost first:
///
/// - Requests beyond [`AT_ONCE`] are shed at once. They have not failed, so the
///   breaker must not be told of them; and an attempt that waits for the next one
///   keeps its place.
/// - Retrying is outside the breaker: each attempt counts, and none is made once it
///   is open. A budget bounds the load that retries add to an upstream in trouble.
/// - The time limit is inside the breaker: an attempt that takes too long has failed.
///   Outside, it would be an abandoned call, which says nothing. It covers the whole
///   answer, not only its head.
fn guarded(
    upstream: SocketAddr,
    breaker: Option<Breaker>,
    on_ask: impl Fn() + Clone + Send + Sync + 'static,
) -> BoxCloneSyncService<(), http::Response<String>, BoxError> {
    // No proxy from the environment: the upstream is on this host.
    let client = Client::builder().no_proxy().build().expect("the client has no odd settings");
    let url = format!("http://{upstream}/rate");
    let service = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(AT_ONCE)
        .retry(OneMore::default())
        .option_layer(breaker.map(|b| BreakerLayer::new(b).classified(HttpResponses::new())))
        .timeout(TIMEOUT)
        .service_fn(move |()| {
            on_ask();
            ask(client.get(&url))
        });
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

/// One more attempt after a failed one, for up to a fifth of the requests: asking
/// twice does no harm here.
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
        // `FailureOpenFor` asks to be left alone.
        if HttpResponses::new().classify(result) != Outcome::Failure {
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
    // The fallback holds neither the permit nor a place in the concurrency limit.
    let answer = answer.and_then(|answer| match answer.status() {
        StatusCode::OK => Ok(answer.into_body()),
        status => Err(format!("the upstream said {status}").into()),
    });
    let freshness = if answer.is_ok() { "fresh" } else { "cached" };
    match service.last.or_last(answer) {
        Ok(rate) => ([(ANSWER, freshness)], rate).into_response(),
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &BoxError) -> Response {
    let wait = error.downcast_ref::<Rejected>().and_then(|rejected| rejected.retry_after);
    let seconds = wait.unwrap_or_default().as_millis().div_ceil(1_000).max(1);
    let headers = [(RETRY_AFTER, seconds.to_string())];
    (StatusCode::SERVICE_UNAVAILABLE, headers, error.to_string()).into_response()
}
