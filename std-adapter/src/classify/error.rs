//! What an error means that a call got in place of a response.

use std::error::Error;

use super::Outcome;

/// Only what is known to come from the service speaks for other instances of a fleet too.
pub(super) fn outcome(error: &(dyn Error + 'static)) -> Outcome {
    #[cfg(feature = "reqwest")]
    if let Some(error) = of_reqwest(error) {
        return match error {
            error if error.is_builder() => Outcome::Ignored,
            error if error.is_connect() || error.is_timeout() => Outcome::Unanswered,
            _ => Outcome::Failure,
        };
    }
    let _ = error;
    Outcome::Unanswered
}

/// The error of reqwest that `error` is, or is because of.
#[cfg(feature = "reqwest")]
fn of_reqwest<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a reqwest::Error> {
    use reqwest_middleware::Error as Wrapped;

    let found = error.downcast_ref().or_else(|| match error.downcast_ref()? {
        // Whose source is not the wrapped error, but the source of that.
        Wrapped::Reqwest(error) => Some(error),
        Wrapped::Middleware(error) => error.downcast_ref(),
    });
    found.or_else(|| of_reqwest(error.source()?))
}
