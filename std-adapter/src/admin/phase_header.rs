//! A response header with the phase of a breaker.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use tower::util::MapResponseLayer;

use crate::breaker::Breaker;

const HEADER: HeaderName = HeaderName::from_static("circuit-breaker");

/// A layer that adds the phase of `breaker` to each response, as a header:
/// `circuit-breaker: "users";phase=open;retry-after=12`.
///
/// The phase is that at the time of the response. The wait is in seconds, rounded up, and
/// present while it is known. The header is a structured field of the type list, so the
/// layers of several breakers each add a member. Bytes of a name that a string in such a
/// field cannot have, and `%`, are percent-encoded.
pub fn phase_header(
    breaker: Breaker,
) -> MapResponseLayer<impl FnOnce(Response) -> Response + Clone> {
    MapResponseLayer::new(move |mut response: Response| {
        response.headers_mut().append(HEADER, value(&breaker));
        response
    })
}

fn value(breaker: &Breaker) -> HeaderValue {
    let snapshot = breaker.snapshot();
    let mut value = format!("\"{}\";phase={}", escaped(breaker.name()), snapshot.phase);
    if let Some(wait) = snapshot.retry_after {
        value += &format!(";retry-after={}", wait.as_millis().div_ceil(1_000));
    }
    value.try_into().expect("escaped text is visible ASCII")
}

/// The name as the inside of a string in a structured field, where only `"` and `\` have an
/// escape.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' => escaped.extend(['\\', byte.into()]),
            b'%' | ..=0x1f | 0x7f.. => escaped += &format!("%{byte:02x}"),
            _ => escaped.push(byte.into()),
        }
    }
    escaped
}
