//! What an HTTP response means, when it begins and when it ends.

use std::error::Error;
use std::ops::ControlFlow;

use http::{HeaderMap, Response, StatusCode};

use super::{Outcome, error};
use crate::error::Rejected;

/// Says what an HTTP response means for the breaker: first by its status and headers, then
/// by its trailers. A body that ends in an error is a failure in any case. Of a call that got
/// no response, the error says how it ended.
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use microbreaker_std::{ClassifyResponse, Outcome};
/// use std::ops::ControlFlow::{self, Break, Continue};
///
/// /// Only gateways fail; everything else is an answer once it has arrived.
/// #[derive(Clone)]
/// struct Gateways;
///
/// impl ClassifyResponse for Gateways {
///     fn head(&self, status: StatusCode, _: &HeaderMap) -> ControlFlow<Outcome, Outcome> {
///         match status.as_u16() {
///             502..=504 => Break(Outcome::Failure),
///             _ => Continue(Outcome::Success),
///         }
///     }
/// }
/// ```
pub trait ClassifyResponse {
    /// How the call ended, `Break`, if status and headers say so. Otherwise, `Continue`, how
    /// it will have ended if the body arrives and no trailers say otherwise.
    fn head(&self, status: StatusCode, headers: &HeaderMap) -> ControlFlow<Outcome, Outcome>;

    /// Whether status and headers say enough about a response whose body the caller drops
    /// before its end. If so, the call ends as [`head`](Self::head) said, unless it is slow by
    /// then, or the caller was waiting for more of the body. Otherwise, and by default, it is
    /// abandoned.
    fn counts_unread(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let _ = (status, headers);
        false
    }

    /// How the call ended by its trailers, if they say. By default they do not.
    fn trailers(&self, trailers: &HeaderMap) -> Option<Outcome> {
        let _ = trailers;
        None
    }

    /// How a call ended that got an error in place of a response. By default it is
    /// [`Outcome::Unanswered`], as for a refused connection or a time limit of the caller's
    /// own.
    ///
    /// With the feature `reqwest`, its errors are told apart. Those of connecting and of time
    /// limits are unanswered. A request that cannot be sent, to `file:` for example, is
    /// ignored. All others are failures, such as a connection that was closed in place of an
    /// answer.
    fn error(&self, error: &(dyn Error + 'static)) -> Outcome {
        error::outcome(error)
    }

    /// What to answer to a call that the breaker refuses. By default there is no response,
    /// and the call fails with `rejected`.
    fn refusal(&self, rejected: &Rejected) -> Option<Response<()>> {
        let _ = rejected;
        None
    }
}
