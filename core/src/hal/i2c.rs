//! A guarded I2C bus.

use embedded_hal::i2c::{AddressMode, Error, ErrorKind, ErrorType, I2c, Operation};

use super::{Classify, EveryErrorFails, guarded};
use crate::error::CallError;
use crate::event::Outcome;
use crate::gate::Gate;

/// An I2C bus behind a gate: each transaction is one guarded call.
///
/// For devices of which one operation is one transaction; see [`hal`](super).
///
/// ```
/// use embedded_hal::i2c::{ErrorKind, ErrorType, I2c, Operation};
/// use microbreaker::{Breaker, CallError, Config, hal::GuardedI2c};
///
/// /// Any driver.
/// struct Thermometer<I>(I);
///
/// impl<I: I2c> Thermometer<I> {
///     fn celsius(&mut self) -> Result<u8, I::Error> {
///         let mut answer = [0];
///         self.0.write_read(0x48, &[0], &mut answer)?;
///         Ok(answer[0])
///     }
/// }
/// # struct Bus;
/// # impl ErrorType for Bus { type Error = ErrorKind; }
/// # impl I2c for Bus {
/// #     fn transaction(&mut self, _: u8, _: &mut [Operation<'_>]) -> Result<(), ErrorKind> {
/// #         Err(ErrorKind::Other)
/// #     }
/// # }
///
/// static SENSOR: Breaker<(), fn() -> u32> =
///     Breaker::new(Config::new().consecutive_failures(1).open_for(500), (), || 0);
///
/// let mut thermometer = Thermometer(GuardedI2c::new(Bus, &SENSOR));
/// assert!(matches!(thermometer.celsius(), Err(CallError::Failed(_)))); // unplugged
/// assert!(matches!(thermometer.celsius(), Err(CallError::Rejected(_)))); // left alone
/// ```
#[derive(Debug)]
pub struct GuardedI2c<I, G, C = EveryErrorFails> {
    pub(super) bus: I,
    pub(super) gate: G,
    pub(super) classify: C,
}

impl<I, G> GuardedI2c<I, G> {
    /// Guards `bus`; every error is a failure.
    pub const fn new(bus: I, gate: G) -> Self {
        Self { bus, gate, classify: EveryErrorFails }
    }
}

impl<I: ErrorType, G, C: Classify<I::Error>> GuardedI2c<I, G, C> {
    /// Guards `bus`; `classify` says what each of its errors counts as.
    pub const fn classified(bus: I, gate: G, classify: C) -> Self
    where
        // Lets the compiler infer the type of a closure's parameter.
        C: Fn(&I::Error) -> Outcome,
    {
        Self { bus, gate, classify }
    }
}

impl<I, G, C> GuardedI2c<I, G, C> {
    /// Returns the gate.
    pub const fn gate(&self) -> &G {
        &self.gate
    }

    /// Returns the bare bus.
    pub const fn bus(&self) -> &I {
        &self.bus
    }

    /// Returns the bare bus, for example to reset it: what you do with it is not guarded.
    pub const fn bus_mut(&mut self) -> &mut I {
        &mut self.bus
    }

    /// Unwraps the bare bus.
    pub fn release(self) -> I {
        self.bus
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

impl<I: ErrorType, G, C> ErrorType for GuardedI2c<I, G, C> {
    type Error = CallError<I::Error>;
}

impl<A: AddressMode, I: I2c<A>, G: Gate, C: Classify<I::Error>> I2c<A> for GuardedI2c<I, G, C> {
    fn read(&mut self, address: A, read: &mut [u8]) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.bus.read(address, read), &self.classify)
    }

    fn write(&mut self, address: A, write: &[u8]) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.bus.write(address, write), &self.classify)
    }

    fn write_read(&mut self, address: A, write: &[u8], read: &mut [u8]) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.bus.write_read(address, write, read), &self.classify)
    }

    fn transaction(
        &mut self,
        address: A,
        operations: &mut [Operation<'_>],
    ) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.bus.transaction(address, operations), &self.classify)
    }
}
