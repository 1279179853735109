//! What HTTP responses mean for a breaker.

use std::fmt;
use std::ops::ControlFlow::{self, Break, Continue};
use std::time::{Duration, SystemTime};

use http::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use http::{Response, StatusCode};

use super::grpc::{GrpcResponses, is_grpc};
use super::response::ClassifyResponse;
use super::{Classify, Outcome};

/// Classifies HTTP responses. A server error (5xx) is a failure. So is every error of the
/// call itself, such as a refused connection: [`Outcome::Unanswered`]. A client error (4xx)
/// is an answer, so a success.
///
/// A 503 (service unavailable) with a `Retry-After` opens the breaker for that long. If it
/// names a date, that is compared with the response's own `Date`, so no clock is read and
/// none need agree. What a 429 means is a setting:
/// [`too_many_requests`](Self::too_many_requests).
///
/// An answer with a `grpc-status` is one of gRPC, and is judged as by [`GrpcResponses::new`]:
/// so one layer may guard hosts of both kinds.
///
/// Used as a [`Classify`] it judges by status and headers. To judge a response when its
/// body has ended, use it with `BreakerLayer::judged_at_end`.
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
    too_many_requests: TooManyRequests,
    wall_clock: Option<fn() -> SystemTime>,
}

/// What a 429 (too many requests) means for a breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TooManyRequests {
    /// It is an answer, so a success: right where one breaker stands before many users or
    /// tenants, because the limit of one of them says nothing about the others.
    #[default]
    Answer,
    /// It is a failure.
    Failure,
    /// It opens the breaker for as long as its `Retry-After` says; without one, it is an
    /// answer. Right where everything behind the breaker shares the limit, as with one API
    /// key, or a breaker for each tenant.
    Wait,
}

impl HttpResponses {
    /// Honours a `Retry-After` up to five minutes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            longest_wait: Duration::from_secs(300),
            too_many_requests: TooManyRequests::Answer,
            wall_clock: None,
        }
    }

    /// Opens the breaker for at most `wait`, whatever a `Retry-After` says. With a `wait` of
    /// zero, a `Retry-After` means nothing.
    #[must_use]
    pub const fn longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }

    /// Sets what a 429 means: by default that it is an answer.
    #[must_use]
    pub const fn too_many_requests(mut self, meaning: TooManyRequests) -> Self {
        self.too_many_requests = meaning;
        self
    }

    /// Reads the time of day from `now`, such as [`SystemTime::now`], where a
    /// `Retry-After` names a date and the response has no `Date`. Without this, that
    /// `Retry-After` is ignored.
    #[must_use]
    pub const fn wall_clock(mut self, now: fn() -> SystemTime) -> Self {
        self.wall_clock = Some(now);
        self
    }

    /// Classifies a response with this status and these headers.
    #[must_use]
    pub fn outcome(&self, status: StatusCode, headers: &HeaderMap) -> Outcome {
        let (asks_to_wait, otherwise) = match (status, self.too_many_requests) {
            (StatusCode::TOO_MANY_REQUESTS, TooManyRequests::Wait) => (true, Outcome::Success),
            (StatusCode::TOO_MANY_REQUESTS, TooManyRequests::Failure) => (false, Outcome::Failure),
            (StatusCode::SERVICE_UNAVAILABLE, _) => (true, Outcome::Failure),
            _ if status.is_server_error() => (false, Outcome::Failure),
            _ => (false, GrpcResponses::new().told(headers).unwrap_or(Outcome::Success)),
        };
        if !asks_to_wait {
            return otherwise;
        }
        match retry_after(headers, self.wall_clock).map(|wait| wait.min(self.longest_wait)) {
            None | Some(Duration::ZERO) => otherwise,
            Some(wait) => Outcome::FailureOpenFor(wait),
        }
    }

    /// A classifier for the responses of any client: `read` returns their status and
    /// headers. Responses of the `http` crate need none.
    pub const fn of<T, F>(self, read: F) -> HttpResponsesOf<F>
    where
        F: Fn(&T) -> (StatusCode, &HeaderMap),
    {
        HttpResponsesOf { responses: self, read }
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

impl ClassifyResponse for HttpResponses {
    /// A failure is over with its headers: how its body ends changes nothing, and callers
    /// rarely read it.
    fn head(&self, status: StatusCode, headers: &HeaderMap) -> ControlFlow<Outcome, Outcome> {
        match self.outcome(status, headers) {
            Outcome::Success => Continue(Outcome::Success),
            failure => Break(failure),
        }
    }

    /// Many callers look at the status alone. Only gRPC says in its trailers how a call ended.
    fn counts_unread(&self, _: StatusCode, headers: &HeaderMap) -> bool {
        !is_grpc(headers)
    }

    fn trailers(&self, trailers: &HeaderMap) -> Option<Outcome> {
        GrpcResponses::new().told(trailers)
    }
}

/// The classifier that [`HttpResponses::of`] returns. `Clone` if its function is.
#[derive(Clone, Copy)]
pub struct HttpResponsesOf<F> {
    responses: HttpResponses,
    read: F,
}

impl<F> fmt::Debug for HttpResponsesOf<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("HttpResponsesOf");
        debug.field("responses", &self.responses).finish_non_exhaustive()
    }
}

impl<T, E, F: Fn(&T) -> (StatusCode, &HeaderMap)> Classify<T, E> for HttpResponsesOf<F> {
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        match result {
            Ok(response) => {
                let (status, headers) = (self.read)(response);
                self.responses.outcome(status, headers)
            }
            Err(_) => Outcome::Unanswered,
        }
    }
}

/// The wait that a `Retry-After` asks for, in seconds or until a date. `None` if the
/// date is past, if it is not known how far away it is, or if the value cannot be parsed.
fn retry_after(headers: &HeaderMap, wall_clock: Option<fn() -> SystemTime>) -> Option<Duration> {
    let value = text(headers, &RETRY_AFTER)?;
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only a number that is too large cannot be parsed.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let sent = text(headers, &DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    until.duration_since(sent.or_else(|| Some(wall_clock?()))?).ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_TYPE;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn asking(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())])
    }

    fn outcome(responses: HttpResponses, status: u16, headers: &HeaderMap) -> Outcome {
        responses.outcome(StatusCode::from_u16(status).unwrap(), headers)
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let wait = |value| retry_after(&asking(value), Some(|| SystemTime::UNIX_EPOCH));
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Thu, 01 Jan 1970 00:01:00 GMT"), Some(MINUTE));
        let responses = HttpResponses::new().wall_clock(|| SystemTime::UNIX_EPOCH);
        let date = asking("Thu, 01 Jan 1970 00:01:00 GMT");
        assert_eq!(outcome(responses, 503, &date), Outcome::FailureOpenFor(MINUTE));
        for nothing in ["", "soon", "-1", "+1", "1.5", "1 2", "Wed, 31 Dec 1969 23:59:59 GMT"] {
            assert_eq!(wait(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_date_is_compared_with_that_of_the_response() {
        let mut headers = asking("Thu, 01 Jan 1970 00:01:00 GMT");
        assert_eq!(retry_after(&headers, None), None, "nothing tells the time");
        headers.insert(DATE, "Thu, 01 Jan 1970 00:00:20 GMT".parse().unwrap());
        let forty_seconds = Some(Duration::from_secs(40));
        assert_eq!(retry_after(&headers, None), forty_seconds);
        assert_eq!(retry_after(&headers, Some(|| panic!("nobody asks"))), forty_seconds);
    }

    #[test]
    fn only_what_the_server_is_to_blame_for_counts() {
        let responses = HttpResponses::new().longest_wait(MINUTE);
        let none = HeaderMap::new();
        for answered in [200, 301, 400, 401, 404, 429, 499] {
            assert_eq!(outcome(responses, answered, &none), Outcome::Success, "{answered}");
        }
        for failed in [500, 502, 503, 504, 599] {
            assert_eq!(outcome(responses, failed, &none), Outcome::Failure, "{failed}");
        }
        let minute = Outcome::FailureOpenFor(MINUTE);
        assert_eq!(outcome(responses, 503, &asking("60")), minute);
        assert_eq!(outcome(responses, 503, &asking("3600")), minute, "no longer than allowed");
        assert_eq!(outcome(responses, 500, &asking("60")), Outcome::Failure);
        assert_eq!(outcome(responses, 200, &asking("60")), Outcome::Success);
    }

    #[test]
    fn a_wait_that_is_over_demands_nothing() {
        let shares_a_limit = HttpResponses::new().too_many_requests(TooManyRequests::Wait);
        for over in ["0", "00", "000000000000000000000000", "Thu, 01 Jan 1970 00:00:00 GMT"] {
            let over = asking(over);
            assert_eq!(outcome(HttpResponses::new(), 503, &over), Outcome::Failure, "{over:?}");
            assert_eq!(outcome(shares_a_limit, 429, &over), Outcome::Success, "{over:?}");
        }
        let impatient = HttpResponses::new().longest_wait(Duration::ZERO);
        assert_eq!(outcome(impatient, 503, &asking("60")), Outcome::Failure);
    }

    #[test]
    fn a_wait_too_long_to_be_told_is_the_longest() {
        let responses = HttpResponses::new().longest_wait(MINUTE);
        for long in ["18446744073709551615", "18446744073709551616", &"9".repeat(1_000)] {
            let expected = Outcome::FailureOpenFor(MINUTE);
            assert_eq!(outcome(responses, 503, &asking(long)), expected, "{long}");
        }
    }

    #[test]
    fn a_status_of_grpc_counts_in_headers_and_in_trailers() {
        let code =
            |code: u32| HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.into())]);
        for (status, expected) in [(5, Outcome::Success), (14, Outcome::Failure)] {
            assert_eq!(outcome(HttpResponses::new(), 200, &code(status)), expected);
            assert_eq!(HttpResponses::new().trailers(&code(status)), Some(expected));
        }
        assert_eq!(outcome(HttpResponses::new(), 503, &code(0)), Outcome::Failure);
        assert_eq!(HttpResponses::new().trailers(&HeaderMap::new()), None);
    }

    #[test]
    fn the_head_says_enough_unless_it_announces_a_status_in_the_trailers() {
        let enough = |kind: &str| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
            HttpResponses::new().counts_unread(StatusCode::OK, &headers)
        };
        assert!(enough("text/html") && enough("application/json") && enough("application"));
        assert!(HttpResponses::new().counts_unread(StatusCode::NOT_FOUND, &HeaderMap::new()));
        for grpc in ["application/grpc", "application/grpc+proto", "Application/GRPC"] {
            assert!(!enough(grpc), "{grpc}");
        }
    }

    #[test]
    fn what_a_429_means_is_a_setting() {
        let by = |meaning| HttpResponses::new().too_many_requests(meaning);
        let minute = Outcome::FailureOpenFor(MINUTE);
        for (meaning, with_wait, without) in [
            (TooManyRequests::Answer, Outcome::Success, Outcome::Success),
            (TooManyRequests::Failure, Outcome::Failure, Outcome::Failure),
            (TooManyRequests::Wait, minute, Outcome::Success),
        ] {
            assert_eq!(outcome(by(meaning), 429, &asking("60")), with_wait, "{meaning:?}");
            assert_eq!(outcome(by(meaning), 429, &HeaderMap::new()), without, "{meaning:?}");
            assert_eq!(outcome(by(meaning), 503, &asking("60")), minute, "{meaning:?}");
        }
        let one_tenants = asking("60");
        assert_eq!(outcome(HttpResponses::new(), 429, &one_tenants), Outcome::Success);
    }
}
