//! What gRPC responses mean for a breaker.

use std::ops::ControlFlow::{self, Break, Continue};

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use super::Outcome;
use super::response::ClassifyResponse;
use crate::clock::millis;
use crate::error::Rejected;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

const UNKNOWN: u32 = 2;
const DEADLINE_EXCEEDED: u32 = 4;
const PERMISSION_DENIED: u32 = 7;
const UNIMPLEMENTED: u32 = 12;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;
const DATA_LOSS: u32 = 15;
const UNAUTHENTICATED: u32 = 16;

/// Classifies gRPC responses by their `grpc-status`, in the headers or in the trailers.
/// For `BreakerLayer::judged_at_end`; of any gRPC library whose channel is a tower service
/// of the crate `http`, such as tonic.
///
/// Failures are `UNKNOWN`, `DEADLINE_EXCEEDED`, `INTERNAL`, `UNAVAILABLE` and `DATA_LOSS`:
/// the codes that [OpenTelemetry] counts as errors of a server and that [`google.rpc.Code`]
/// maps to HTTP's 5xx, without `UNIMPLEMENTED`. That one is about a method, of which the
/// others know nothing, and waiting does not help. All other codes are answers, so
/// successes, `RESOURCE_EXHAUSTED` too: it is the 429 of gRPC, often one caller's quota.
/// [`failing`](Self::failing) and [`answering`](Self::answering) change that.
///
/// A response that ends without a `grpc-status` has the code that its HTTP status
/// [stands for], `UNKNOWN` if that is 200. A stream that is reset, or breaks off, is a
/// failure.
///
/// A refused call is answered with `UNAVAILABLE`, and with how long to wait in
/// `grpc-retry-pushback-ms` if that is known, rounded up.
///
/// ```
/// use microbreaker_std::GrpcResponses;
/// const RESOURCE_EXHAUSTED: u32 = 8;
/// // The server says so when it is out of memory.
/// let responses = GrpcResponses::new().failing(RESOURCE_EXHAUSTED);
/// assert!(responses.is_failure(RESOURCE_EXHAUSTED));
/// ```
///
/// [OpenTelemetry]: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
/// [`google.rpc.Code`]: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
/// [stands for]: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
#[derive(Clone, Copy, Debug)]
pub struct GrpcResponses {
    /// A bit for each code.
    failing: u32,
}

impl GrpcResponses {
    /// A classifier with the default codes.
    #[must_use]
    pub const fn new() -> Self {
        Self { failing: 0 }
            .failing(UNKNOWN)
            .failing(DEADLINE_EXCEEDED)
            .failing(INTERNAL)
            .failing(UNAVAILABLE)
            .failing(DATA_LOSS)
    }

    /// Counts `code` as a failure.
    ///
    /// # Panics
    ///
    /// If `code` is not a code of an error, 1 to 16.
    #[must_use]
    pub const fn failing(mut self, code: u32) -> Self {
        self.failing |= Self::bit(code);
        self
    }

    /// Counts `code` as an answer.
    ///
    /// # Panics
    ///
    /// As [`failing`](Self::failing).
    #[must_use]
    pub const fn answering(mut self, code: u32) -> Self {
        self.failing &= !Self::bit(code);
        self
    }

    const fn bit(code: u32) -> u32 {
        assert!(1 <= code && code <= UNAUTHENTICATED, "a gRPC error has a code from 1 to 16");
        1 << code
    }

    /// Whether a response with this code is a failure. An unknown code means `UNKNOWN`.
    #[must_use]
    pub const fn is_failure(&self, code: u32) -> bool {
        let code = if code <= UNAUTHENTICATED { code } else { UNKNOWN };
        self.failing >> code & 1 == 1
    }

    fn outcome(&self, code: u32) -> Outcome {
        if self.is_failure(code) { Outcome::Failure } else { Outcome::Success }
    }

    /// The outcome, if headers or trailers have a code.
    pub(super) fn told(&self, headers: &HeaderMap) -> Option<Outcome> {
        code(headers).map(|code| self.outcome(code))
    }
}

/// Whether the headers announce a response of gRPC.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    const KIND: &[u8] = b"application/grpc";
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.as_bytes().get(..KIND.len()));
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(KIND))
}

impl Default for GrpcResponses {
    fn default() -> Self {
        Self::new()
    }
}

impl ClassifyResponse for GrpcResponses {
    fn head(&self, status: StatusCode, headers: &HeaderMap) -> ControlFlow<Outcome, Outcome> {
        match self.told(headers) {
            // There is nothing but trailers, and these were they.
            Some(outcome) => Break(outcome),
            None => Continue(self.outcome(stands_for(status))),
        }
    }

    fn trailers(&self, trailers: &HeaderMap) -> Option<Outcome> {
        self.told(trailers)
    }

    fn refusal(&self, rejected: &Rejected) -> Option<Response<()>> {
        let mut response = Response::new(());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(STATUS, UNAVAILABLE.into());
        headers.insert(MESSAGE, message(&rejected.to_string()));
        if let Some(wait) = rejected.retry_after() {
            headers.insert(PUSHBACK, millis(wait).into());
        }
        Some(response)
    }
}

fn code(headers: &HeaderMap) -> Option<u32> {
    let value = headers.get(STATUS)?;
    Some(value.to_str().ok().and_then(|code| code.parse().ok()).unwrap_or(UNKNOWN))
}

/// The code of a response that does not come from a gRPC server.
fn stands_for(status: StatusCode) -> u32 {
    match status.as_u16() {
        400 => INTERNAL,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        404 => UNIMPLEMENTED,
        429 | 502..=504 => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

/// `text`, percent-encoded as the protocol wants it.
fn message(text: &str) -> HeaderValue {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | ..=0x1f | 0x7f.. => encoded += &format!("%{byte:02X}"),
            _ => encoded.push(byte.into()),
        }
    }
    encoded.try_into().expect("encoded text is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    use microbreaker::Phase;

    fn headers(code: &str) -> HeaderMap {
        HeaderMap::from_iter([(STATUS, code.parse().unwrap())])
    }

    #[test]
    fn codes_of_the_server_fail_and_codes_of_the_caller_are_answers() {
        let responses = GrpcResponses::new();
        let failing: Vec<_> = (0..=16).filter(|&code| responses.is_failure(code)).collect();
        assert_eq!(failing, [2, 4, 13, 14, 15]);
        let changed = responses.failing(8).answering(4);
        assert!(changed.is_failure(8) && !changed.is_failure(4));
    }

    #[test]
    fn what_is_no_code_is_an_unknown_error() {
        for odd in ["17", "-1", "", "x", "99999999999999999999"] {
            let outcome = GrpcResponses::new().trailers(&headers(odd));
            assert_eq!(outcome, Some(Outcome::Failure), "{odd:?}");
        }
        assert_eq!(GrpcResponses::new().trailers(&HeaderMap::new()), None);
    }

    #[test]
    fn a_response_without_a_code_is_judged_by_its_http_status() {
        let head = |status: u16| {
            GrpcResponses::new().head(StatusCode::from_u16(status).unwrap(), &HeaderMap::new())
        };
        for failed in [200, 400, 429, 500, 502, 503, 504] {
            assert_eq!(head(failed), Continue(Outcome::Failure), "{failed}");
        }
        for answered in [401, 403, 404] {
            assert_eq!(head(answered), Continue(Outcome::Success), "{answered}");
        }
    }

    #[test]
    fn an_http_status_stands_for_the_code_that_the_protocol_gives_it() {
        for (status, code) in [
            (400, 13),
            (401, 16),
            (403, 7),
            (404, 12),
            (418, 2),
            (429, 14),
            (500, 2),
            (502, 14),
            (503, 14),
            (504, 14),
        ] {
            assert_eq!(stands_for(StatusCode::from_u16(status).unwrap()), code, "{status}");
        }
    }

    #[test]
    fn a_refusal_is_unavailable_whatever_the_name() {
        let name = Name::keep(&"users\r\n50%é".into());
        let refused = Rejected::new(&name, Phase::Open, Some(2));
        let response = GrpcResponses::new().refusal(&refused).unwrap();
        assert_eq!([&response.headers()[STATUS], &response.headers()[PUSHBACK]], ["14", "2"]);
        let text = response.headers()[MESSAGE].to_str().unwrap();
        assert!(text.contains(r#""users\r\n50%25%C3%A9" refused"#), "{text}");
        let unknown = Rejected::new(&name, Phase::Open, None);
        let response = GrpcResponses::new().refusal(&unknown).unwrap();
        assert!(!response.headers().contains_key(PUSHBACK));
    }
}
