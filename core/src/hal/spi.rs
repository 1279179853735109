//! A guarded SPI device.

use embedded_hal::spi::{Error, ErrorKind, ErrorType, Operation, SpiDevice};

use super::guarded;
use crate::error::CallError;
use crate::event::Outcome;
use crate::gate::Gate;

/// An SPI device behind a gate. Each transaction is one call.
///
/// ```
/// use embedded_hal::spi::{ErrorKind, ErrorType, Operation, SpiDevice};
/// use microbreaker::{Breaker, CallError, Config, Outcome, hal::GuardedSpiDevice};
/// # struct Flash;
/// # impl ErrorType for Flash { type Error = ErrorKind; }
/// # impl SpiDevice for Flash {
/// #     fn transaction(&mut self, _: &mut [Operation<'_, u8>]) -> Result<(), ErrorKind> {
/// #         Err(ErrorKind::Overrun)
/// #     }
/// # }
///
/// static FLASH: Breaker<(), fn() -> u32> =
///     Breaker::new(Config::new().consecutive_failures(1).open_for(500), (), || 0);
///
/// // An overrun is our own fault and says nothing about the device.
/// let mut flash = GuardedSpiDevice::classified(Flash, &FLASH, |kind| match kind {
///     ErrorKind::Overrun => Outcome::Ignored,
///     _ => Outcome::Failure,
/// });
/// assert!(matches!(flash.write(&[0x9f]), Err(CallError::Failed(ErrorKind::Overrun))));
/// assert!(FLASH.try_acquire().is_ok());
/// ```
#[derive(Debug)]
pub struct GuardedSpiDevice<D, G> {
    device: D,
    gate: G,
    classify: fn(ErrorKind) -> Outcome,
}

impl<D, G> GuardedSpiDevice<D, G> {
    /// Guards `device`. Every error counts as a failure.
    pub const fn new(device: D, gate: G) -> Self {
        Self::classified(device, gate, |_| Outcome::Failure)
    }

    /// Guards `device`. `classify` maps each kind of error to an outcome.
    pub const fn classified(device: D, gate: G, classify: fn(ErrorKind) -> Outcome) -> Self {
        Self { device, gate, classify }
    }

    /// Returns the gate.
    pub const fn gate(&self) -> &G {
        &self.gate
    }

    /// Returns the bare device.
    pub fn release(self) -> D {
        self.device
    }
}

impl<E: Error, R: core::fmt::Debug> Error for CallError<E, R> {
    /// The bus error's kind; `Other` for a refusal.
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Rejected(_) => ErrorKind::Other,
            Self::Failed(error) => error.kind(),
        }
    }
}

impl<D: ErrorType, G> ErrorType for GuardedSpiDevice<D, G> {
    type Error = CallError<D::Error>;
}

impl<Word: Copy + 'static, D: SpiDevice<Word>, G: Gate> SpiDevice<Word> for GuardedSpiDevice<D, G> {
    fn transaction(&mut self, operations: &mut [Operation<'_, Word>]) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.device.transaction(operations), |e| (self.classify)(e.kind()))
    }

    fn read(&mut self, buf: &mut [Word]) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.device.read(buf), |e| (self.classify)(e.kind()))
    }

    fn write(&mut self, buf: &[Word]) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.device.write(buf), |e| (self.classify)(e.kind()))
    }

    fn transfer(&mut self, read: &mut [Word], write: &[Word]) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.device.transfer(read, write), |e| (self.classify)(e.kind()))
    }

    fn transfer_in_place(&mut self, buf: &mut [Word]) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.device.transfer_in_place(buf), |e| (self.classify)(e.kind()))
    }
}
