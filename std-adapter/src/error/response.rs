//! A refusal as an HTTP response.

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};

use super::Rejected;

/// 503, with the wait in `Retry-After` if it is known, in seconds rounded up. Does not tell
/// the breaker's name.
impl IntoResponse for Rejected {
    fn into_response(self) -> Response {
        let wait = self.retry_after().map(|wait| wait.as_nanos().div_ceil(1_000_000_000));
        let headers = wait.map(|seconds| [(RETRY_AFTER, seconds.to_string())]);
        (StatusCode::SERVICE_UNAVAILABLE, headers, "temporarily unavailable\n").into_response()
    }
}
