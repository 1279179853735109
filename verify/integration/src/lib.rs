//! What `microbreaker-std` does with each of its features on, beside the crates
//! that they are for. Its README is a test as well:
//!
#![doc = include_str!("../../../std-adapter/README.md")]
