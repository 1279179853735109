//! When a call of a service ends, and as what.

#[cfg(feature = "http")]
use http::Response;
#[cfg(feature = "http")]
use http_body::Body;

#[cfg(feature = "http")]
use crate::body::{GuardedBody, guarded, refused};
use crate::breaker::call::InCall;
use crate::breaker::permit::Permit;
use crate::classify::Classify;
#[cfg(feature = "http")]
use crate::classify::response::ClassifyResponse;
use crate::error::{BoxError, Rejected};

/// Ends calls of a service that returns `Result<T, E>`.
pub trait Judge<T, E> {
    /// What the caller gets.
    type Response;

    /// Ends `call`, or leaves that to the response.
    fn judge(&self, call: InCall<Permit>, result: Result<T, E>)
    -> Result<Self::Response, BoxError>;

    /// What the caller gets for a call that was refused.
    fn refuse(&self, rejected: Rejected) -> Result<Self::Response, Rejected>;
}

/// Judges a call by what the service returns, at once:
/// [`classified`](crate::BreakerLayer::classified).
#[derive(Clone, Copy, Debug)]
pub struct AtOnce<C>(pub(crate) C);

impl<T, E: Into<BoxError>, C: Classify<T, E>> Judge<T, E> for AtOnce<C> {
    type Response = T;

    fn judge(&self, mut call: InCall<Permit>, result: Result<T, E>) -> Result<T, BoxError> {
        call.finish(&self.0, &result);
        result.map_err(Into::into)
    }

    fn refuse(&self, rejected: Rejected) -> Result<T, Rejected> {
        Err(rejected)
    }
}

/// Judges a response at its end: [`judged_at_end`](crate::BreakerLayer::judged_at_end).
#[cfg(feature = "http")]
#[derive(Clone, Copy, Debug)]
pub struct AtEnd<C>(pub(crate) C);

#[cfg(feature = "http")]
impl<B, E, C> Judge<Response<B>, E> for AtEnd<C>
where
    B: Body,
    E: Into<BoxError>,
    C: ClassifyResponse + Clone,
{
    type Response = Response<GuardedBody<B, C>>;

    fn judge(
        &self,
        mut call: InCall<Permit>,
        result: Result<Response<B>, E>,
    ) -> Result<Self::Response, BoxError> {
        match call.run(|| result.map_err(Into::into)) {
            Ok(response) => Ok(guarded(response, call, self.0.clone())),
            Err(error) => {
                let outcome = call.run(|| self.0.error(&*error));
                call.end(outcome);
                Err(error)
            }
        }
    }

    fn refuse(&self, rejected: Rejected) -> Result<Self::Response, Rejected> {
        self.0.refusal(&rejected).map(refused).ok_or(rejected)
    }
}
