//! Guarded buses for embedded-hal 1.0, which refuse while their breaker is open.
//!
//! A guarded bus implements the bus trait itself, so any driver takes it in place of
//! the bare bus. Each transaction is one call. Its error is [`CallError`], which
//! forwards `kind()` and distinguishes a refusal from an error on the bus.
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

/// Makes a guarded call and lets `classify` turn its error into an outcome.
fn guarded<G: Gate, T, E>(
    gate: &G,
    call: impl FnOnce() -> Result<T, E>,
    classify: impl FnOnce(&E) -> Outcome,
) -> Result<T, CallError<E>> {
    gate.call_classified(call, |result| match result {
        Ok(_) => Outcome::Success,
        Err(error) => classify(error),
    })
}
