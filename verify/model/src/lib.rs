//! What `microbreaker` must do, as plainly as it can be written.
//!
//! [`Model`] is a breaker for one thread: time is a `u64`, generations never
//! repeat, windows are queues, and nothing is packed into bits. It shares with
//! the real one only the names of phases, causes and outcomes.
//!
//! [`real`] makes a real breaker of the same [`Settings`], [`lockstep`] takes
//! both through a [`History`] and compares them after every step, and
//! [`scenario`] prints a history as JSON. [`concurrent`] notes what threads were
//! answered that use one breaker at once, and [`linear`] looks for an order in
//! which the model answers the same.

mod any_window;
mod model;
mod settings;
mod window;

pub mod concurrent;
pub mod linear;
pub mod lockstep;
pub mod real;
pub mod scenario;

pub use any_window::{AnyTimeWindow, MOST_BUCKETS};
pub use lockstep::{History, Step};
pub use microbreaker_command::Command;
pub use model::{Effect, Model, Permit, Refusal, Snapshot, Transition};
pub use settings::{Abandoned, Backoff, Jitter, ProbeTimeout, Ramp, Ratio, Settings, Window};
pub use window::elapsed;
