#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(missing_docs)]
//! The [`microbreaker`] circuit breaker for services: a handle with a name,
//! guarded calls of functions and futures, and times as [`Duration`].
//!
//! ```
//! use microbreaker_std::{Breaker, CallError};
//! use std::time::Duration;
//!
//! let users = Breaker::builder("users")
//!     .failure_rate(50).min_calls(10).last_calls(100)
//!     .open_for(Duration::from_secs(30))
//!     .build()?;
//!
//! match users.call(|| "42".parse::<u32>()) {
//!     Ok(user) => println!("{user}"),
//!     Err(CallError::Failed(error)) => println!("asked, and got: {error}"),
//!     Err(CallError::Rejected(why)) => println!("{why}"), // why.retry_after says how long
//! }
//! # Ok::<(), microbreaker_std::BuildError>(())
//! ```
//!
//! Begin with [`Breaker`] and [`Builder`]. The README has the features, and a
//! guarded HTTP call.
//!
//! [`Duration`]: std::time::Duration

#[cfg(feature = "axum")]
pub mod admin;
mod breaker;
mod classify;
mod clock;
mod engine;
mod error;
mod failover;
mod last_good;
#[cfg(feature = "registry")]
mod registry;
mod settings;
#[cfg(feature = "serde")]
mod settings_file;
mod snapshot;
mod telemetry;
mod threads;
#[cfg(feature = "tower")]
pub mod tower;

pub use breaker::Breaker;
pub use breaker::builder::Builder;
pub use breaker::permit::Permit;
#[cfg(feature = "http")]
pub use classify::HttpResponses;
pub use classify::{Classify, ErrorsFail, Outcome, failing_if};
#[cfg(feature = "coarse-clock")]
pub use clock::CoarseClock;
#[cfg(feature = "tokio")]
pub use clock::TokioClock;
pub use clock::{MonotonicClock, PausedClock, millis};
pub use engine::reload::Reloaded;
pub use engine::striped::Striped;
pub use error::{BuildError, CallError, Rejected};
pub use failover::{Service, pick};
pub use last_good::LastGood;
pub use microbreaker::{AfterProbeTimeout, Cause, Clock, IllegalTransition, Phase, Tally};
#[cfg(feature = "registry")]
pub use registry::Registry;
pub use settings::{Backoff, BadSetting, ProbeTimeout, Ramp, Settings};
#[cfg(feature = "serde")]
pub use settings_file::{Configuration, ConfigurationError};
pub use snapshot::Snapshot;
#[cfg(feature = "counts")]
pub use telemetry::counts::Counts;
pub use telemetry::event::{Event, EventKind};
#[cfg(feature = "stream")]
pub use telemetry::stream::{Events, Missed};
