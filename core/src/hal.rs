//! Guarded buses for embedded-hal 1.0, which refuse transactions while their breaker is
//! open.
//!
//! A guarded bus implements the bus trait itself, so any driver takes it in place of the
//! bare bus. One transaction is one call. The error is [`CallError`], which forwards
//! `kind()` and tells a refusal from an error on the bus.
//!
//! This suits devices where one operation is one transaction. If a driver needs several
//! transactions for one operation, make the operation the guarded call: if the first of
//! two transactions always succeeds, the second can fail for ever without two failures in
//! a row. If devices share a bus, wrap each device's own handle of the bus separately,
//! and ignore errors that only say that the bus was busy.
//!
//! ```
//! use embedded_hal::i2c::{ErrorKind, I2c};
//! use microbreaker::{Breaker, CallError, Config, Phase, hal::GuardedI2c};
//! # struct Unplugged;
//! # impl embedded_hal::i2c::ErrorType for Unplugged { type Error = ErrorKind; }
//! # impl I2c for Unplugged {
//! #     fn transaction(&mut self, _: u8, _: &mut [embedded_hal::i2c::Operation<'_>]) -> Result<(), ErrorKind> {
//! #         Err(ErrorKind::Other)
//! #     }
//! # }
//! static BREAKER: Breaker<(), fn() -> u32> =
//!     Breaker::new(Config::new().consecutive_failures(1).open_for(500), (), || 0);
//!
//! let mut bus = GuardedI2c::new(Unplugged, &BREAKER);
//! assert!(matches!(bus.write(0x48, &[0]), Err(CallError::Failed(_))));
//! assert!(matches!(bus.write(0x48, &[0]), Err(CallError::Rejected(_))));
//! ```

mod i2c;
mod spi;

pub use i2c::GuardedI2c;
pub use spi::GuardedSpiDevice;

use crate::error::CallError;
use crate::event::Outcome;
use crate::gate::Gate;

/// Decides what the bus's own error, `E`, counts as.
///
/// Closures are classifiers, and may capture what they need: for example, whether a
/// device is busy writing and therefore does not acknowledge.
pub trait Classify<E> {
    /// Returns the outcome of a transaction that ended with `error`.
    fn classify(&self, error: &E) -> Outcome;
}

impl<E, F: Fn(&E) -> Outcome> Classify<E> for F {
    fn classify(&self, error: &E) -> Outcome {
        self(error)
    }
}

/// The default classifier: every bus error is a failure of the device.
#[derive(Clone, Copy, Debug, Default)]
pub struct EveryErrorFails;

impl<E> Classify<E> for EveryErrorFails {
    fn classify(&self, _: &E) -> Outcome {
        Outcome::Failure
    }
}

/// Makes a guarded call whose errors `classify` turns into outcomes.
fn guarded<G: Gate, T, E>(
    gate: &G,
    call: impl FnOnce() -> Result<T, E>,
    classify: &impl Classify<E>,
) -> Result<T, CallError<E>> {
    gate.call_classified(call, |result| match result {
        Ok(_) => Outcome::Success,
        Err(error) => classify.classify(error),
    })
}
