//! What `microbreaker` must do, written as plainly as possible.
//!
//! [`Model`] is a breaker for one thread: time is a `u64`, generations never
//! repeat, windows are queues, and nothing is packed into bits. All it shares
//! with the real breaker is the names of phases, causes and outcomes.
//!
//! [`real`] builds a real breaker from the same [`Settings`], [`lockstep`] takes
//! both through a [`History`] and compares them after every step, and
//! [`scenario`] prints a history as JSON. [`concurrent`] records the answers
//! that threads get when they use one breaker at once, and [`linear`] looks for
//! an order in which the model gives the same answers.

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
pub use model::{Effect, Model, Permit, Refusal, Snapshot, Transition};
pub use settings::{Abandoned, Backoff, Jitter, ProbeTimeout, Ramp, Ratio, Settings, Window};
pub use window::elapsed;
