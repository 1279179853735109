//! What the attribute [`guarded`](crate::guarded) expands to. Not for others to use.

use crate::error::{CallError, Rejected};

/// An error that can say that a breaker refused the call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say that a circuit breaker refused the call",
    label = "this error cannot be made from a `Rejected`",
    note = "write `impl From<microbreaker_std::Rejected> for {Self}`",
    note = "or let the function return `Result<_, CallError<{Self}>>`"
)]
pub trait SaysRejected {
    /// The error that says that.
    fn rejected(why: Rejected) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<Rejected>> SaysRejected for E {
    fn rejected(why: Rejected) -> Self {
        Self::from(why)
    }
}

/// The result of a guarded function that has an error of its own.
#[inline]
pub fn settle<T, E: SaysRejected>(result: Result<T, CallError<E>>) -> Result<T, E> {
    result.map_err(|error| match error {
        CallError::Failed(error) => error,
        CallError::Rejected(why) => E::rejected(why),
    })
}

/// Stands where a type has to be named. Never called.
pub fn absent<T>() -> T {
    unreachable!("only its type is of interest")
}

#[cfg(doctest)]
#[doc = include_str!("expanded/refused.md")]
struct Refused;
