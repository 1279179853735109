//! Tests that run alike on the host and on bare cores, without an operating
//! system: `cargo xtask firmware --all`.

#![no_std]

#[cfg(target_has_atomic = "32")]
pub mod stress;
pub mod suite;
mod trace;
