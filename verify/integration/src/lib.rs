//! Tests `microbreaker-std` with all its features, together with the crates that they
//! support, and the examples in its README:
//!
#![doc = include_str!("../../../std-adapter/README.md")]

/// The examples of `docs/services.md`.
#[doc = include_str!("../../../docs/services.md")]
mod services {}

/// The examples of `docs/migrating.md`.
#[doc = include_str!("../../../docs/migrating.md")]
mod migrating {}
