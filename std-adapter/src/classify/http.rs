//! What HTTP responses mean for a breaker.

use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, RETRY_AFTER};
use http::{Response, StatusCode};

use crate::classify::{Classify, Outcome};

/// Classifies HTTP responses. A server error (5xx) is a failure. So is every error of the
/// call itself, such as a refused connection: [`Outcome::Unanswered`]. A client error
/// (4xx) is an answer, so a success.
///
/// A 429 (too many requests) or 503 (service unavailable) with a `Retry-After` opens
/// the breaker for that long.
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use microbreaker_std::{HttpResponses, Outcome};
/// let responses = HttpResponses::new();
/// let no_headers = HeaderMap::new();
/// assert_eq!(responses.outcome(StatusCode::NOT_FOUND, &no_headers), Outcome::Success);
/// assert_eq!(responses.outcome(StatusCode::BAD_GATEWAY, &no_headers), Outcome::Failure);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct HttpResponses {
    longest_wait: Duration,
}

impl HttpResponses {
    /// Honours a `Retry-After` up to five minutes.
    #[must_use]
    pub const fn new() -> Self {
        Self { longest_wait: Duration::from_secs(300) }
    }

    /// Opens the breaker for at most `wait`, whatever a `Retry-After` says.
    #[must_use]
    pub const fn longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }

    /// Classifies a response with this status and these headers.
    #[must_use]
    pub fn outcome(&self, status: StatusCode, headers: &HeaderMap) -> Outcome {
        let asks_to_wait =
            matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        match retry_after(headers, SystemTime::now()) {
            Some(wait) if asks_to_wait => Outcome::FailureOpenFor(wait.min(self.longest_wait)),
            _ if status.is_server_error() => Outcome::Failure,
            _ => Outcome::Success,
        }
    }

    /// A classifier for the responses of any client: `read` returns their status and
    /// headers. Responses of the `http` crate need none.
    pub fn of<T, E>(
        self,
        read: impl Fn(&T) -> (StatusCode, &HeaderMap),
    ) -> impl Fn(&Result<T, E>) -> Outcome {
        move |result| match result {
            Ok(response) => {
                let (status, headers) = read(response);
                self.outcome(status, headers)
            }
            Err(_) => Outcome::Unanswered,
        }
    }
}

impl Default for HttpResponses {
    fn default() -> Self {
        Self::new()
    }
}

impl<B, E> Classify<Response<B>, E> for HttpResponses {
    fn classify(&self, result: &Result<Response<B>, E>) -> Outcome {
        match result {
            Ok(response) => self.outcome(response.status(), response.headers()),
            Err(_) => Outcome::Unanswered,
        }
    }
}

/// The wait that a `Retry-After` asks for, in seconds or until a date. `None` if the
/// date is past or the value cannot be parsed.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    httpdate::parse_http_date(value).ok()?.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())])
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH;
        let wait = |value| retry_after(&asking(value), now);
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Thu, 01 Jan 1970 00:01:00 GMT"), Some(Duration::from_secs(60)));
        for nothing in ["", "soon", "-1", "1.5", "Wed, 31 Dec 1969 23:59:59 GMT"] {
            assert_eq!(wait(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn only_what_the_server_is_to_blame_for_counts() {
        let responses = HttpResponses::new().longest_wait(Duration::from_secs(60));
        let of = |status: u16, headers: &HeaderMap| {
            responses.outcome(StatusCode::from_u16(status).unwrap(), headers)
        };
        let none = HeaderMap::new();
        for answered in [200, 301, 400, 401, 404, 429, 499] {
            assert_eq!(of(answered, &none), Outcome::Success, "{answered}");
        }
        for failed in [500, 502, 503, 504, 599] {
            assert_eq!(of(failed, &none), Outcome::Failure, "{failed}");
        }
        let minute = Outcome::FailureOpenFor(Duration::from_secs(60));
        assert_eq!(of(429, &asking("60")), minute);
        assert_eq!(of(503, &asking("3600")), minute, "no longer than allowed");
        assert_eq!(of(500, &asking("60")), Outcome::Failure);
        assert_eq!(of(200, &asking("60")), Outcome::Success);
    }
}
