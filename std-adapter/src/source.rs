//! Which breaker guards a request.

#[cfg(feature = "registry")]
use std::borrow::Cow;
#[cfg(feature = "registry")]
use std::fmt;

use crate::breaker::Breaker;
use crate::breaker::permit::Permit;
use crate::error::Rejected;
#[cfg(feature = "registry")]
use crate::registry::Registry;

/// Says which breaker guards a request.
pub trait Source<Request> {
    /// The breaker of all requests, if there is one.
    fn of_all(&self) -> Option<&Breaker>;

    /// Asks the breaker of `request`.
    fn acquire(&self, request: &Request) -> Result<Permit, Rejected>;
}

impl<Request> Source<Request> for Breaker {
    fn of_all(&self) -> Option<&Breaker> {
        Some(self)
    }

    fn acquire(&self, _: &Request) -> Result<Permit, Rejected> {
        self.try_acquire_owned()
    }
}

/// A registry, and the function that says which of its breakers guards a request.
#[cfg(feature = "registry")]
#[derive(Clone)]
pub struct Keyed<F> {
    pub(crate) registry: Registry,
    pub(crate) key: F,
}

#[cfg(feature = "registry")]
impl<F> fmt::Debug for Keyed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").finish_non_exhaustive()
    }
}

#[cfg(feature = "registry")]
impl<Request, F: Fn(&Request) -> Cow<'_, str>> Source<Request> for Keyed<F> {
    fn of_all(&self) -> Option<&Breaker> {
        None
    }

    fn acquire(&self, request: &Request) -> Result<Permit, Rejected> {
        self.registry.get(&(self.key)(request)).into_permit()
    }
}
