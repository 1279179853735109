//! A guarded SPI device.

use embedded_hal::spi::{Error, ErrorKind, ErrorType, Operation, SpiDevice};

use super::{Classify, EveryErrorFails, guarded};
use crate::error::CallError;
use crate::event::Outcome;
use crate::gate::Gate;

/// An SPI device behind a gate: each transaction is one guarded call.
///
/// For devices of which one operation is one transaction, and not for one that may be
/// dead and still answer; see [`hal`](super).
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
/// // An overrun is this side's own fault, and says nothing about the device.
/// let mut flash = GuardedSpiDevice::classified(Flash, &FLASH, |error: &ErrorKind| match error {
///     ErrorKind::Overrun => Outcome::Ignored,
///     _ => Outcome::Failure,
/// });
/// assert!(matches!(flash.write(&[0x9f]), Err(CallError::Failed(ErrorKind::Overrun))));
/// assert!(FLASH.try_acquire().is_ok());
/// ```
#[derive(Debug)]
pub struct GuardedSpiDevice<D, G, C = EveryErrorFails> {
    pub(super) device: D,
    pub(super) gate: G,
    pub(super) classify: C,
}

impl<D, G> GuardedSpiDevice<D, G> {
    /// Guards `device`; every error is a failure.
    pub const fn new(device: D, gate: G) -> Self {
        Self { device, gate, classify: EveryErrorFails }
    }
}

impl<D: ErrorType, G, C: Classify<D::Error>> GuardedSpiDevice<D, G, C> {
    /// Guards `device`; `classify` says what each of its errors counts as.
    pub const fn classified(device: D, gate: G, classify: C) -> Self
    where
        // Lets the compiler infer the type of a closure's parameter.
        C: Fn(&D::Error) -> Outcome,
    {
        Self { device, gate, classify }
    }
}

impl<D, G, C> GuardedSpiDevice<D, G, C> {
    /// Returns the gate.
    pub const fn gate(&self) -> &G {
        &self.gate
    }

    /// Returns the bare device.
    pub const fn device(&self) -> &D {
        &self.device
    }

    /// Returns the bare device, for example to reset it: what you do with it is not guarded.
    pub const fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// Unwraps the bare device.
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

impl<D: ErrorType, G, C> ErrorType for GuardedSpiDevice<D, G, C> {
    type Error = CallError<D::Error>;
}

impl<Word: Copy + 'static, D: SpiDevice<Word>, G: Gate, C: Classify<D::Error>> SpiDevice<Word>
    for GuardedSpiDevice<D, G, C>
{
    fn transaction(&mut self, operations: &mut [Operation<'_, Word>]) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.device.transaction(operations), &self.classify)
    }

    fn read(&mut self, buf: &mut [Word]) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.device.read(buf), &self.classify)
    }

    fn write(&mut self, buf: &[Word]) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.device.write(buf), &self.classify)
    }

    fn transfer(&mut self, read: &mut [Word], write: &[Word]) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.device.transfer(read, write), &self.classify)
    }

    fn transfer_in_place(&mut self, buf: &mut [Word]) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.device.transfer_in_place(buf), &self.classify)
    }
}
