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
mod builder;
mod call;
mod clock;
#[cfg(feature = "serde")]
mod configuration;
#[cfg(feature = "counts")]
mod counts;
mod engine;
mod error;
mod event;
mod grant;
#[cfg(feature = "http")]
mod http;
mod last_good;
#[cfg(feature = "tracing")]
mod log;
#[cfg(feature = "metrics")]
mod metrics;
mod outcome;
mod paused;
mod permit;
mod pick;
mod ready;
#[cfg(feature = "registry")]
mod registry;
mod reload;
mod service;
mod settings;
mod snapshot;
#[cfg(feature = "stream")]
mod stream;
mod striped;
mod threads;
mod timing;
#[cfg(feature = "tokio")]
mod tokio_clock;
#[cfg(feature = "tower")]
pub mod tower;
mod watch;

pub use breaker::Breaker;
pub use builder::Builder;
#[cfg(feature = "coarse-clock")]
pub use clock::CoarseClock;
pub use clock::{MonotonicClock, millis};
#[cfg(feature = "serde")]
pub use configuration::{Configuration, ConfigurationError};
#[cfg(feature = "counts")]
pub use counts::Counts;
pub use error::{BuildError, CallError, Rejected};
pub use event::{Event, EventKind};
#[cfg(feature = "http")]
pub use http::HttpResponses;
pub use last_good::LastGood;
pub use microbreaker::{AfterProbeTimeout, Cause, Clock, IllegalTransition, Phase, Tally};
pub use outcome::{Classify, ErrorsFail, Outcome, failing_if};
pub use paused::PausedClock;
pub use permit::Permit;
pub use pick::pick;
#[cfg(feature = "registry")]
pub use registry::Registry;
pub use reload::Reloaded;
pub use service::Service;
pub use settings::{Backoff, BadSetting, ProbeTimeout, Ramp, Settings};
pub use snapshot::Snapshot;
#[cfg(feature = "stream")]
pub use stream::{Events, Missed};
pub use striped::Striped;
#[cfg(feature = "tokio")]
pub use tokio_clock::TokioClock;
