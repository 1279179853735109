#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(missing_docs)]
//! The [`microbreaker`] circuit breaker for services: a named handle that guards
//! calls of functions and futures, with times as [`Duration`].
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
//!     Err(CallError::Failed(error)) => println!("the call failed: {error}"),
//!     Err(CallError::Rejected(why)) => println!("{why}"), // why.retry_after: how long
//! }
//! # Ok::<(), microbreaker_std::BuildError>(())
//! ```
//!
//! Start with [`Breaker`] and [`Builder`]. The README lists the features and shows
//! a guarded HTTP call.
//!
//! [`Duration`]: std::time::Duration

#[cfg(feature = "axum")]
pub mod admin;
mod breaker;
mod classify;
pub mod clock;
mod engine;
mod error;
mod failover;
#[cfg(feature = "fleet")]
pub mod fleet;
mod last_good;
#[cfg(feature = "registry")]
mod registry;
pub mod settings;
#[cfg(feature = "serde")]
mod settings_file;
mod snapshot;
mod telemetry;
mod threads;
#[cfg(feature = "tower")]
mod tower;

pub use self::breaker::Breaker;
pub use self::breaker::builder::Builder;
pub use self::breaker::permit::Permit;
#[cfg(feature = "http")]
pub use self::classify::HttpResponses;
pub use self::classify::{Classify, ErrorsFail, Outcome, failing_if};
pub use self::clock::Clock;
pub use self::engine::reload::Reloaded;
pub use self::engine::striped::Striped;
pub use self::error::{BuildError, CallError, Rejected};
pub use self::failover::{Failover, healthiest_first};
pub use self::last_good::LastGood;
#[cfg(feature = "registry")]
pub use self::registry::Registry;
#[doc(inline)]
pub use self::settings::Settings;
#[cfg(feature = "serde")]
pub use self::settings_file::{SettingsFile, SettingsFileError};
pub use self::snapshot::Snapshot;
#[cfg(feature = "counts")]
pub use self::telemetry::counts::Counts;
pub use self::telemetry::event::{Event, EventKind};
#[cfg(feature = "metrics")]
pub use self::telemetry::series::Label;
#[cfg(feature = "stream")]
pub use self::telemetry::stream::{Events, Missed};
#[cfg(feature = "tower")]
pub use self::tower::{BreakerFuture, BreakerLayer, BreakerService};
pub use microbreaker::{Cause, IllegalTransition, Phase, Tally};
