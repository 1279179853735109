//! A refusal as an HTTP response.

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};

use super::{BoxError, Rejected};

impl Rejected {
    /// The response to a request whose guarded call ended with `error`: that of the refusal,
    /// if it was one, or else 502 (bad gateway). Does not tell the error, which may name what
    /// users need not know.
    ///
    /// ```
    /// # use microbreaker_std::Rejected;
    /// # use axum::response::Response;
    /// # async fn ask() -> Result<String, Box<dyn std::error::Error + Send + Sync>> { todo!() }
    /// async fn user() -> Result<String, Response> {
    ///     ask().await.map_err(Rejected::or_bad_gateway)
    /// }
    /// ```
    #[must_use]
    pub fn or_bad_gateway(error: BoxError) -> Response {
        match error.downcast::<Self>() {
            Ok(rejected) => rejected.into_response(),
            Err(_) => (StatusCode::BAD_GATEWAY, "the upstream failed\n").into_response(),
        }
    }
}

/// 503, with the wait in `Retry-After` if it is known, in seconds rounded up. Does not tell
/// the breaker's name.
impl IntoResponse for Rejected {
    fn into_response(self) -> Response {
        let wait = self.retry_after().map(|wait| wait.as_nanos().div_ceil(1_000_000_000));
        let headers = wait.map(|seconds| [(RETRY_AFTER, seconds.to_string())]);
        (StatusCode::SERVICE_UNAVAILABLE, headers, "temporarily unavailable\n").into_response()
    }
}
