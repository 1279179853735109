//! What a permit stands for.

use std::time::Duration;

use microbreaker::{Outcome, Token};

use crate::breaker::Breaker;
use crate::clock::millis;
use crate::engine::versions::Turn;
use crate::error::Rejected;

/// Leave to make one call, which must be ended.
#[derive(Clone, Copy)]
pub(crate) struct Grant {
    /// Who gave it.
    turn: Turn,
    token: Token,
    /// The tick at which it was given, where the core times calls.
    started: u32,
}

impl Breaker {
    /// Asks for leave.
    #[inline]
    pub(crate) fn grant(&self) -> Result<Grant, Rejected> {
        let inner = self.inner();
        loop {
            let turn = inner.engines.current();
            match inner.engines.engine(turn).try_acquire() {
                Ok((token, started)) => {
                    return Ok(Grant { turn, token, started });
                }
                // One that is not in use any more refuses, but that is no answer.
                Err(_) if inner.engines.current() != turn => {}
                Err(rejected) => return Err(self.rejected(rejected)),
            }
        }
    }

    /// Ends the call of `grant`, which took `took` if the caller knows better than
    /// the clock.
    #[inline]
    pub(crate) fn end(&self, grant: Grant, took: Option<Duration>, outcome: Outcome) {
        let engine = self.inner().engines.engine(grant.turn);
        engine.complete(grant.token, grant.started, took.map(millis), outcome);
    }

    /// What becomes of a call that is abandoned.
    pub(crate) fn abandoned(&self, grant: Grant) -> Outcome {
        self.inner().engines.engine(grant.turn).abandoned()
    }
}
