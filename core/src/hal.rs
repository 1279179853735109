//! Guarded buses and streams for embedded-hal 1.0 and embedded-io 0.7, blocking and
//! asynchronous, which refuse transactions while their breaker is open.
//!
//! Guard the driver's *operation* where you can: `SENSOR.call(|| driver.read())` is one
//! call, however many transactions it takes. A guarded bus is for devices of which one
//! operation is one transaction, and for drivers that you cannot wrap. It implements the
//! bus trait itself, so any driver takes it in place of the bare bus, and one transaction
//! is one call. If an operation takes two and the first always succeeds, the second can
//! fail for ever without two failures in a row, and half-open, the first one closes the
//! breaker.
//!
//! The error is [`CallError`], which forwards `kind()` and tells a refusal from an error on
//! the bus. If devices share a bus, wrap each device's own handle of the bus separately,
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
//!
//! # Asynchronous buses
//!
//! With the feature `embedded-hal-async`, the same guards implement the traits of
//! embedded-hal-async if the bus does. A transaction that is dropped half-way is abandoned,
//! so a time limit belongs below the guard: then running out of it is the bus's own error,
//! and counts. If a mutex shares the bus, put the limit below that, too, or the wait for
//! one device that hangs counts against every other:
//!
//! ```text
//! driver -> GuardedI2c -> mutex (I2cDevice) -> time limit -> bus
//! ```
//!
//! # A device that is dead and answers
//!
//! SPI has no acknowledgement. From a flash that is dead, or not there, every transaction
//! is `Ok` and reads 0xFF: a guarded bus notices nothing, and a driver that waits until
//! the flash is no longer busy waits for ever. So judge the data, bound the polling, and
//! guard the operation that does both:
//!
//! ```
//! use embedded_hal::spi::{Operation, SpiDevice};
//! use microbreaker::{Breaker, CallError, Config};
//! # use embedded_hal::spi::{ErrorKind, ErrorType};
//! # struct Dead;
//! # impl ErrorType for Dead { type Error = ErrorKind; }
//! # impl SpiDevice for Dead {
//! #     fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), ErrorKind> {
//! #         for operation in operations {
//! #             if let Operation::Read(buffer) = operation { buffer.fill(0xff) }
//! #         }
//! #         Ok(())
//! #     }
//! # }
//! const ID: u8 = 0x9f;
//! const STATUS: u8 = 0x05;
//! const BUSY: u8 = 1;
//! const POLLS: u32 = 1_000; // longer than a page takes
//!
//! #[derive(Debug)]
//! enum Fault<E> {
//!     Bus(E),
//!     NoFlash,
//!     StaysBusy,
//! }
//!
//! fn wait_until_ready<D: SpiDevice>(flash: &mut D) -> Result<(), Fault<D::Error>> {
//!     let mut ask = |command| {
//!         let mut answer = [0];
//!         flash
//!             .transaction(&mut [Operation::Write(&[command]), Operation::Read(&mut answer)])
//!             .map_err(Fault::Bus)?;
//!         Ok(answer[0])
//!     };
//!     // No manufacturer has such a number: nothing drives the line.
//!     if matches!(ask(ID)?, 0x00 | 0xff) {
//!         return Err(Fault::NoFlash);
//!     }
//!     for _ in 0..POLLS {
//!         if ask(STATUS)? & BUSY == 0 {
//!             return Ok(());
//!         }
//!     }
//!     Err(Fault::StaysBusy)
//! }
//!
//! static FLASH: Breaker<(), fn() -> u32> =
//!     Breaker::new(Config::new().consecutive_failures(2).open_for(500), (), || 0);
//!
//! # let mut flash = Dead;
//! for _ in 0..2 {
//!     let answer = FLASH.call(|| wait_until_ready(&mut flash));
//!     assert!(matches!(answer, Err(CallError::Failed(Fault::NoFlash))));
//! }
//! let answer = FLASH.call(|| wait_until_ready(&mut flash));
//! assert!(matches!(answer, Err(CallError::Rejected(_)))); // left alone
//! ```

#[cfg(feature = "embedded-hal")]
mod i2c;
#[cfg(feature = "embedded-hal-async")]
mod i2c_async;
#[cfg(feature = "embedded-hal")]
mod spi;
#[cfg(feature = "embedded-hal-async")]
mod spi_async;
#[cfg(feature = "embedded-io")]
mod stream;
#[cfg(feature = "embedded-io-async")]
mod stream_async;

#[cfg(feature = "embedded-hal")]
pub use i2c::GuardedI2c;
#[cfg(feature = "embedded-hal")]
pub use spi::GuardedSpiDevice;
#[cfg(feature = "embedded-io")]
pub use stream::GuardedStream;

#[cfg(any(feature = "embedded-hal-async", feature = "embedded-io-async"))]
use core::future::Future;

use crate::error::CallError;
use crate::event::Outcome;
use crate::gate::Gate;

/// Decides what the own error of a bus or a stream, `E`, counts as.
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

/// The default classifier: every error is a failure of the device.
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
    gate.call_classified(call, |result| outcome(result, classify))
}

/// The same of a future.
#[cfg(any(feature = "embedded-hal-async", feature = "embedded-io-async"))]
fn guarded_async<G: Gate, T, E>(
    gate: &G,
    call: impl Future<Output = Result<T, E>>,
    classify: &impl Classify<E>,
) -> impl Future<Output = Result<T, CallError<E>>> {
    gate.call_async_classified(call, |result| outcome(result, classify))
}

fn outcome<T, E>(result: &Result<T, E>, classify: &impl Classify<E>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(error) => classify.classify(error),
    }
}
