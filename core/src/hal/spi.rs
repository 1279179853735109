//! A guarded SPI device.

use embedded_hal::spi::{Error, ErrorKind, ErrorType, Operation, SpiDevice};

use super::guarded;
use crate::error::CallError;
use crate::event::Outcome;
use crate::guard::Guard;

/// An SPI device behind a guard, each transaction one call.
#[derive(Debug)]
pub struct GuardedSpiDevice<D, B> {
    device: D,
    guard: B,
    classify: fn(ErrorKind) -> Outcome,
}

impl<D, B> GuardedSpiDevice<D, B> {
    /// Guards `device`; every error is a failure.
    pub const fn new(device: D, guard: B) -> Self {
        Self::classified(device, guard, |_| Outcome::Failure)
    }

    /// Guards `device`; `classify` says what each kind of error counts as.
    pub const fn classified(device: D, guard: B, classify: fn(ErrorKind) -> Outcome) -> Self {
        Self { device, guard, classify }
    }

    /// The guard.
    pub const fn guard(&self) -> &B {
        &self.guard
    }

    /// The bare device.
    pub fn release(self) -> D {
        self.device
    }
}

impl<E: Error> Error for CallError<E> {
    /// The bus error's kind; `Other` for a refusal.
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Rejected(_) => ErrorKind::Other,
            Self::Failed(error) => error.kind(),
        }
    }
}

impl<D: ErrorType, B> ErrorType for GuardedSpiDevice<D, B> {
    type Error = CallError<D::Error>;
}

impl<Word: Copy + 'static, D: SpiDevice<Word>, B: Guard> SpiDevice<Word>
    for GuardedSpiDevice<D, B>
{
    fn transaction(&mut self, operations: &mut [Operation<'_, Word>]) -> Result<(), Self::Error> {
        guarded(&self.guard, || self.device.transaction(operations), |e| (self.classify)(e.kind()))
    }

    fn read(&mut self, buf: &mut [Word]) -> Result<(), Self::Error> {
        guarded(&self.guard, || self.device.read(buf), |e| (self.classify)(e.kind()))
    }

    fn write(&mut self, buf: &[Word]) -> Result<(), Self::Error> {
        guarded(&self.guard, || self.device.write(buf), |e| (self.classify)(e.kind()))
    }

    fn transfer(&mut self, read: &mut [Word], write: &[Word]) -> Result<(), Self::Error> {
        guarded(&self.guard, || self.device.transfer(read, write), |e| (self.classify)(e.kind()))
    }

    fn transfer_in_place(&mut self, buf: &mut [Word]) -> Result<(), Self::Error> {
        guarded(&self.guard, || self.device.transfer_in_place(buf), |e| (self.classify)(e.kind()))
    }
}
