//! A guarded I2C bus.

use embedded_hal::i2c::{AddressMode, Error, ErrorKind, ErrorType, I2c, Operation};

use super::guarded;
use crate::error::CallError;
use crate::event::Outcome;
use crate::guard::Guard;

/// An I2C bus behind a guard, each transaction one call.
#[derive(Debug)]
pub struct GuardedI2c<I, B> {
    bus: I,
    guard: B,
    classify: fn(ErrorKind) -> Outcome,
}

impl<I, B> GuardedI2c<I, B> {
    /// Guards `bus`; every error is a failure.
    pub const fn new(bus: I, guard: B) -> Self {
        Self::classified(bus, guard, |_| Outcome::Failure)
    }

    /// Guards `bus`; `classify` says what each kind of error counts as.
    pub const fn classified(bus: I, guard: B, classify: fn(ErrorKind) -> Outcome) -> Self {
        Self { bus, guard, classify }
    }

    /// The guard.
    pub const fn guard(&self) -> &B {
        &self.guard
    }

    /// The bare bus.
    pub fn release(self) -> I {
        self.bus
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

impl<I: ErrorType, B> ErrorType for GuardedI2c<I, B> {
    type Error = CallError<I::Error>;
}

impl<A: AddressMode, I: I2c<A>, B: Guard> I2c<A> for GuardedI2c<I, B> {
    fn read(&mut self, address: A, read: &mut [u8]) -> Result<(), Self::Error> {
        guarded(&self.guard, || self.bus.read(address, read), |e| (self.classify)(e.kind()))
    }

    fn write(&mut self, address: A, write: &[u8]) -> Result<(), Self::Error> {
        guarded(&self.guard, || self.bus.write(address, write), |e| (self.classify)(e.kind()))
    }

    fn write_read(&mut self, address: A, write: &[u8], read: &mut [u8]) -> Result<(), Self::Error> {
        guarded(
            &self.guard,
            || self.bus.write_read(address, write, read),
            |e| (self.classify)(e.kind()),
        )
    }

    fn transaction(
        &mut self,
        address: A,
        operations: &mut [Operation<'_>],
    ) -> Result<(), Self::Error> {
        guarded(
            &self.guard,
            || self.bus.transaction(address, operations),
            |e| (self.classify)(e.kind()),
        )
    }
}
