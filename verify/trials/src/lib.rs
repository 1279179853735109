//! Tests that run on the host and, with `cargo xtask firmware --all`, on bare cores without
//! an operating system.

#![no_std]

#[cfg(target_has_atomic = "32")]
pub mod stress;
pub mod suite;
mod trace;
