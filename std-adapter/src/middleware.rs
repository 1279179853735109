//! A guarded reqwest client.

#[cfg(feature = "registry")]
use std::borrow::Cow;

use http::{Extensions, Response as HttpResponse};
use reqwest::{Body, Request, Response, ResponseBuilderExt, Url};
use reqwest_middleware::{Error, Middleware, Next, Result};

#[cfg(feature = "registry")]
use crate::authority::NO_AUTHORITY;
use crate::body::{GuardedBody, guarded};
use crate::breaker::Breaker;
use crate::breaker::call::InCall;
use crate::classify::http::HttpResponses;
use crate::classify::response::ClassifyResponse;
#[cfg(feature = "registry")]
use crate::registry::Registry;
#[cfg(feature = "registry")]
use crate::source::Keyed;
use crate::source::Source;

/// Guards the requests of a reqwest client, as a middleware of
/// [`reqwest-middleware`](reqwest_middleware). Responses are judged when their bodies have
/// ended. Of a body that is dropped before that, the status counts, unless the call is slow by
/// then, or of gRPC: that abandons it.
///
/// ```
/// use microbreaker_std::{Breaker, BreakerMiddleware};
/// # let users = Breaker::builder("users").consecutive_failures(5);
/// # let users = users.open_for(std::time::Duration::from_secs(30)).build()?;
/// let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new());
/// let client = client.with(BreakerMiddleware::new(users)).build();
/// // client.get(url).send().await?.text().await?
/// # let _ = client;
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
///
/// A refused request fails with a [`Rejected`](crate::Rejected) in an
/// [`Error::Middleware`], which `downcast_ref` finds. Put what retries outside, with `with`
/// before this one: each attempt asks the breaker.
#[derive(Clone, Debug)]
pub struct BreakerMiddleware<C = HttpResponses, K = Breaker> {
    source: K,
    classify: C,
}

impl BreakerMiddleware {
    /// Guards requests with `breaker`, and judges responses by [`HttpResponses`].
    #[must_use]
    pub const fn new(breaker: Breaker) -> Self {
        Self { source: breaker, classify: HttpResponses::new() }
    }
}

/// The name of the breaker of a request.
#[cfg(feature = "registry")]
type Host = fn(&Request) -> Cow<'_, str>;

#[cfg(feature = "registry")]
impl BreakerMiddleware<HttpResponses, Keyed<Host>> {
    /// Guards each request with the breaker of its host, and of its port unless that is the
    /// scheme's default: `"users.internal"`, `"users.internal:8080"`.
    /// A request without a host, to `file:` for example, has the breaker `"no authority"`.
    ///
    /// reqwest follows redirects inside, unseen: the failures of the host that a request is
    /// redirected to count for the host that it was sent to.
    #[must_use]
    pub const fn for_each_host(registry: Registry) -> Self {
        Self { source: Keyed { registry, key: host }, classify: HttpResponses::new() }
    }
}

#[cfg(feature = "registry")]
fn host(request: &Request) -> Cow<'_, str> {
    let url = request.url();
    let host = url.host_str().unwrap_or(NO_AUTHORITY);
    match url.port() {
        Some(port) => format!("{host}:{port}").into(),
        None => host.into(),
    }
}

impl<C, K> BreakerMiddleware<C, K> {
    /// Sets the classifier, which says what a response means: by its head, its trailers and
    /// whether it has arrived.
    pub fn classified<D: ClassifyResponse>(self, classify: D) -> BreakerMiddleware<D, K> {
        BreakerMiddleware { source: self.source, classify }
    }
}

#[async_trait::async_trait]
impl<C, K> Middleware for BreakerMiddleware<C, K>
where
    C: ClassifyResponse + Clone + Send + Sync + 'static,
    K: Source<Request> + Send + Sync + 'static,
{
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let mut call = match self.source.acquire(&request) {
            Ok(permit) => InCall::new(permit),
            Err(rejected) => {
                let response = self.classify.refusal(&rejected);
                let response = response.ok_or_else(|| Error::middleware(rejected))?;
                return Ok(at(request.url().clone(), response.map(|()| Body::default())));
            }
        };
        let sent = next.run(request, extensions);
        match call.run_async(sent).await {
            Ok(response) => {
                let url = response.url().clone();
                let response = guarded(response.into(), call, self.classify.clone());
                Ok(at(url, response.map(|body: GuardedBody<Body, C>| Body::wrap(body))))
            }
            Err(error) => {
                let outcome = call.run(|| self.classify.error(&error));
                call.end(outcome);
                Err(error)
            }
        }
    }
}

/// The response from `url`, which a response of the crate `http` does not know.
fn at(url: Url, response: HttpResponse<Body>) -> Response {
    let (mut head, body) = response.into_parts();
    if let Some(known) = HttpResponse::builder().url(url).extensions_mut() {
        head.extensions.extend(std::mem::take(known));
    }
    HttpResponse::from_parts(head, body).into()
}
