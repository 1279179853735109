#![cfg_attr(not(test), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(loom))))]
#![deny(missing_docs)]
#![doc = include_str!("../README.md")]

mod breaker;
pub mod clock;
mod command;
pub mod config;
mod error;
mod event;
mod footprint;
mod gate;
#[cfg(any(feature = "embedded-hal", feature = "embedded-io"))]
pub mod hal;
mod in_flight;
mod leak;
mod phase;
mod snapshot;
mod state;
mod status;
mod sync;
mod tally;
mod throttle;
mod token;
pub mod window;

pub use breaker::{Breaker, Outlook};

/// Handing a breaker over to a successor with another configuration.
pub mod handover {
    pub use crate::breaker::{Handover, Late};
}
pub use clock::Clock;
pub use command::{Command, Decision};
pub use config::{AfterProbeTimeout, Config, ConfigError};
pub use error::{CallError, IllegalTransition, Rejected};
#[cfg(feature = "history")]
pub use event::History;
pub use event::{Cause, Counters, Counts, Observer, Outcome, Transition};
pub use gate::{Gate, Permit};
pub use in_flight::InFlight;
pub use leak::{Leak, LeakError};
pub use phase::Phase;
pub use snapshot::Snapshot;
pub use status::Status;
pub use tally::Tally;
pub use throttle::{Throttle, ThrottleConfig};
pub use token::Token;
pub use window::{CountWindow, FailureWindow, LeakyBucket, ShortWindow, TimeWindow, WithSlow};
