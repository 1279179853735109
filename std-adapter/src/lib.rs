#![deny(missing_docs)]
#![doc = include_str!("../README.md")]

mod breaker;
mod builder;
mod call;
mod clock;
mod engine;
mod error;
mod last_good;
mod outcome;
mod paused;
mod permit;
mod ready;
mod settings;
mod snapshot;
mod timing;
mod watch;

pub use breaker::Breaker;
pub use builder::Builder;
#[cfg(feature = "coarse-clock")]
pub use clock::CoarseClock;
pub use clock::{MonotonicClock, millis};
pub use error::{BuildError, CallError, Rejected};
pub use last_good::LastGood;
pub use microbreaker::{AfterProbeTimeout, Cause, Clock, IllegalTransition, Phase, Tally};
pub use outcome::{Classify, ErrorsFail, Outcome, failing_if};
pub use paused::PausedClock;
pub use permit::Permit;
pub use settings::{Backoff, BadSetting, ProbeTimeout, Ramp, Settings};
pub use snapshot::Snapshot;
