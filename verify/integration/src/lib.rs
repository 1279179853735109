//! Tests `microbreaker-std` with all its features, together with the crates that they
//! support, and the examples in its README:
//!
#![doc = include_str!("../../../std-adapter/README.md")]
