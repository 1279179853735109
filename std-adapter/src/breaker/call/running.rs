//! A call in progress through the core of a version that needs nothing beside it.

use std::mem;

use microbreaker::window::Window;
use microbreaker::{Outcome, Token};

use crate::breaker::Breaker;
use crate::breaker::permit::Permit;
use crate::engine::Core;
use crate::engine::versions::{Grant, Version};

/// Unwinding is a failure. As little as possible, to stay in registers.
pub(super) struct Running<'a> {
    breaker: &'a Breaker,
    token: Token,
}

impl<'a> Running<'a> {
    #[inline(always)]
    pub(super) const fn new(breaker: &'a Breaker, token: Token) -> Self {
        Self { breaker, token }
    }

    /// Ends the call, which began through `core`, that of `version`.
    #[inline(always)]
    pub(super) fn end(self, core: &Core<impl Window>, version: &Version, outcome: Outcome) {
        let Self { breaker, token } = self;
        mem::forget(self);
        if let Err(late) = core.end(token, 0, None, outcome) {
            let engines = &breaker.inner().engines;
            engines.end_late(Grant::untimed(token), None, outcome, Some(version.missed(late)));
        }
    }

    /// The permit, while the call waits.
    #[inline]
    pub(super) fn pause(self) -> Permit<&'a Breaker> {
        let Self { breaker, token } = self;
        mem::forget(self);
        Permit::granted(breaker, Grant::untimed(token))
    }
}

impl Drop for Running<'_> {
    #[cold]
    fn drop(&mut self) {
        let grant = Grant::untimed(self.token);
        self.breaker.inner().engines.end(grant, None, Outcome::Failure);
    }
}
