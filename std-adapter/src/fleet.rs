//! What `microbreaker-fleet` needs of a breaker: the evidence that it has, leave for its
//! probes, and a way to follow what several instances have decided together.
//!
//! A breaker that has joined no fleet neither asks for leave nor follows anybody.

use std::sync::Arc;
use std::time::Duration;

use microbreaker::{Cause, Decision, Tally};

use crate::breaker::Breaker;
use crate::clock::millis;
use crate::settings::Settings;

pub use crate::telemetry::heard::{Heard, StoreHealth};
pub use crate::telemetry::member::{ProbeEnd, Probes};
use crate::telemetry::series;

/// What a breaker knows by its own calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// How many of the last failures, up to 64, got no answer: the most recent `n` of them
    /// for each `n` that is asked for. See [`unanswered`](Self::unanswered).
    origins: u64,
    /// Whether the last call failed.
    pub last_failed: bool,
}

impl Evidence {
    /// How many of the last `failures` had the outcome
    /// [`Unanswered`](crate::Outcome::Unanswered). Exact up to 64, in proportion beyond.
    #[must_use]
    pub fn unanswered(&self, failures: u32) -> u32 {
        let seen = failures.min(u64::BITS);
        let mask = if seen == u64::BITS { u64::MAX } else { (1 << seen) - 1 };
        let unanswered = (self.origins & mask).count_ones();
        if failures <= u64::BITS {
            unanswered
        } else {
            (u64::from(unanswered) * u64::from(failures) / u64::from(u64::BITS)) as u32
        }
    }
}

impl Breaker {
    /// Makes every probe need the leave of `probes` from now on. Returns whether it did:
    /// not if the breaker has joined a fleet before.
    pub fn join_fleet(&self, probes: Arc<dyn Probes>) -> bool {
        self.inner().telemetry.member.join(probes)
    }

    /// Tells those who wait in [`acquire`](Self::acquire), and a
    /// [check](Self::probe_with), that there may be leave for a probe
    /// now.
    pub fn leave_has_come(&self) {
        self.inner().telemetry.wake();
    }

    /// What the breaker's own calls say. Changes nothing. Lock-free.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let member = &self.inner().telemetry.member;
        Evidence { origins: member.origins(), last_failed: member.last_failed() }
    }

    /// Whether a call has succeeded since this was asked last. For the one who runs the
    /// fleet. Lock-free.
    #[must_use]
    pub fn has_succeeded_since_asked(&self) -> bool {
        self.inner().telemetry.member.has_succeeded()
    }

    /// Opens for `time`, rounded up to a millisecond, with [`Cause::Fleet`], unless it is
    /// open already, or an operator has set a mode. Returns whether it did.
    pub fn follow_open(&self, time: Duration) -> bool {
        self.inner().engines.follow(Decision::OpenFor(millis(time)))
    }

    /// Closes from open or half-open with [`Cause::Fleet`], as the fleet did `age` ago, rounded
    /// down to a millisecond: if the breaker has a ramp, it goes on where the fleet's is by
    /// now. Closed already, it takes up the rest of that ramp, too, unless it is on one.
    /// Returns whether it did.
    pub fn follow_close(&self, age: Duration) -> bool {
        let ticks = u32::try_from(age.as_millis()).unwrap_or(u32::MAX);
        self.inner().engines.follow(Decision::CloseAsOf(ticks))
    }
}

/// Reports to the recorder of `metrics`, if that feature is on, that an exchange with the
/// fleet's store has ended.
pub fn exchanged(took: Duration, succeeded: bool) {
    series::exchanged(took, succeeded);
}

impl Settings {
    /// The first policy that `tally` and `consecutive` failures in a row meet, if the last
    /// call failed and was slow. The tally may be larger than any window. `None` also for
    /// settings that cannot work. A pure function.
    #[must_use]
    pub fn policy_met(&self, tally: Tally, consecutive: u32) -> Option<Cause> {
        self.config(0).ok()?.policy_met(tally, consecutive)
    }
}
