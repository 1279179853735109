//! Guards for embedded-hal 1.0: a bus that refuses while its breaker is open.
//!
//! A guard implements the bus trait itself, so any driver takes it in place of
//! the bare bus. One transaction is one call. Its error is
//! [`CallError`], which forwards `kind()` and tells a
//! refusal from an error on the bus.
//!
//! That fits devices that are asked in single transactions. Where a driver makes several
//! for one operation, guard the operation: of two transactions of which the first always
//! succeeds, the second can fail for ever without a row of failures. Where devices share
//! a bus, give each its own guard around its own handle of the bus, and ignore errors
//! that only say that the bus was busy.
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

/// Says what an error of the bus counts as, `E` being the bus's own.
///
/// Closures are classifiers, and may capture what they need: whether a device is busy
/// writing, for example, and does not acknowledge meanwhile.
pub trait Classify<E> {
    /// The outcome of a transaction that ended with `error`.
    fn classify(&self, error: &E) -> Outcome;
}

impl<E, F: Fn(&E) -> Outcome> Classify<E> for F {
    fn classify(&self, error: &E) -> Outcome {
        self(error)
    }
}

/// Every error of the bus is a failure of the device.
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
