//! A response header that tells a breaker's phase.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use tower::util::MapResponseLayer;

use crate::breaker::Breaker;

const HEADER: HeaderName = HeaderName::from_static("circuit-breaker");

/// A layer that tells the phase of `breaker`, when it has answered, in a header of
/// each response: `circuit-breaker: "users";phase=open;retry-after=12`.
///
/// The wait is in seconds, rounded up, and there while it is known. A list, as
/// structured fields have them: layers of several breakers each add theirs. What
/// is not ASCII in a name is escaped as in Rust.
pub fn phase_header(
    breaker: Breaker,
) -> MapResponseLayer<impl FnOnce(Response) -> Response + Clone> {
    MapResponseLayer::new(move |mut response: Response| {
        response.headers_mut().append(HEADER, value(&breaker));
        response
    })
}

fn value(breaker: &Breaker) -> HeaderValue {
    let name = breaker.name().escape_default();
    let snapshot = breaker.snapshot();
    let mut value = format!("\"{name}\";phase={}", snapshot.phase);
    if let Some(wait) = snapshot.retry_after {
        value += &format!(";retry-after={}", wait.as_millis().div_ceil(1_000));
    }
    value.try_into().expect("escaped text is visible ASCII")
}
