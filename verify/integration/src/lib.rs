//! What `microbreaker-std` does with each of its features enabled, together
//! with the crates that they support. Its README is tested here as well:
//!
#![doc = include_str!("../../../std-adapter/README.md")]
