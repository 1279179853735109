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
//!     Err(CallError::Rejected(why)) => println!("{why}"), // why.retry_after(): how long
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
#[cfg(feature = "http")]
mod authority;
#[cfg(any(all(feature = "http", feature = "tower"), feature = "reqwest"))]
mod body;
mod breaker;
mod classify;
pub mod clock;
mod engine;
mod error;
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod expanded;
#[cfg(feature = "failover")]
mod failover;
#[cfg(feature = "fleet")]
pub mod fleet;
#[cfg(feature = "last-good")]
mod last_good;
#[cfg(feature = "reqwest")]
mod middleware;
mod name;
#[cfg(feature = "registry")]
mod registry;
pub mod settings;
#[cfg(feature = "serde")]
mod settings_file;
#[cfg(feature = "watch")]
mod settings_watch;
mod snapshot;
#[cfg(any(feature = "tower", feature = "reqwest"))]
mod source;
mod sync;
mod telemetry;
mod threads;
#[cfg(feature = "tower")]
mod tower;
mod waiters;
mod window;

#[cfg(feature = "http")]
pub use self::authority::by_authority;
#[cfg(any(all(feature = "http", feature = "tower"), feature = "reqwest"))]
pub use self::body::GuardedBody;
pub use self::breaker::Breaker;
pub use self::breaker::builder::Builder;
pub use self::breaker::permit::Permit;
#[cfg(feature = "http")]
pub use self::classify::grpc::GrpcResponses;
#[cfg(feature = "http")]
pub use self::classify::http::{HttpResponses, HttpResponsesOf, TooManyRequests};
#[cfg(feature = "http")]
pub use self::classify::response::ClassifyResponse;
pub use self::classify::{Classify, ErrorsFail, FailingIf, Outcome, failing_if};
pub use self::clock::Clock;
pub use self::engine::reload::Reloaded;
pub use self::error::{BuildError, CallError, Rejected};
#[cfg(feature = "failover")]
pub use self::failover::{Failover, Instance};
#[cfg(all(feature = "failover", feature = "tower"))]
pub use self::failover::{FailoverFuture, FailoverService};
#[cfg(feature = "last-good")]
pub use self::last_good::LastGood;
#[cfg(feature = "reqwest")]
pub use self::middleware::BreakerMiddleware;
#[cfg(feature = "registry")]
pub use self::registry::{Health, Registry};
#[doc(inline)]
pub use self::settings::Settings;
#[cfg(feature = "serde")]
pub use self::settings_file::{SettingsFile, SettingsFileError};
#[cfg(feature = "watch")]
pub use self::settings_watch::{SettingsWatch, SettingsWatchError};
pub use self::snapshot::Snapshot;
#[cfg(all(feature = "registry", any(feature = "tower", feature = "reqwest")))]
pub use self::source::Keyed;
#[cfg(feature = "counts")]
pub use self::telemetry::counts::Counts;
pub use self::telemetry::event::{Event, EventKind};
#[cfg(feature = "latency")]
pub use self::telemetry::latency::Latency;
#[cfg(feature = "metrics")]
pub use self::telemetry::series::Label;
#[cfg(feature = "stream")]
pub use self::telemetry::stream::{Events, Missed};
#[cfg(all(feature = "http", feature = "tower"))]
pub use self::tower::AtEnd;
#[cfg(feature = "tower")]
pub use self::tower::{AtOnce, BreakerFuture, BreakerLayer, BreakerService};
pub use self::window::ExactTimeWindow;
pub use self::window::striped::Striped;
pub use microbreaker::{Cause, IllegalTransition, Phase, Tally};
#[cfg(feature = "macros")]
pub use microbreaker_macros::guarded;
