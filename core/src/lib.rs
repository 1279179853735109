#![cfg_attr(not(test), no_std)]
#![deny(missing_docs)]
#![doc = include_str!("../../README.md")]

mod breaker;
mod clock;
mod config;
mod error;
mod event;
mod guard;
#[cfg(feature = "embedded-hal")]
pub mod hal;
mod permit;
mod phase;
mod snapshot;
mod state;
mod sync;
mod throttle;
mod window;

pub use breaker::Breaker;
pub use clock::{Clock, ManualClock, STEP_BACK, elapsed};
pub use config::{AfterProbeTimeout, Config, ConfigError, ConfigSource, ConstConfig, Field, Fixed};
pub use error::{CallError, IllegalTransition, Rejected};
#[cfg(feature = "history")]
pub use event::History;
pub use event::{Cause, Counters, Counts, Observer, Outcome, Transition};
pub use guard::Guard;
pub use permit::{Permit, Token};
pub use phase::Phase;
pub use snapshot::Snapshot;
pub use throttle::{Throttle, ThrottleConfig};
pub use window::{
    Call, CountWindow, FailureWindow, Kind, ShortWindow, Span, Tally, Tenure, TimeWindow, Window,
    WithSlow,
};
