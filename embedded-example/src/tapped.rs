//! A bus with a tap.

use embedded_hal::i2c::{ErrorType, I2c, Operation};

/// Calls `F` before each transaction on `I`.
///
/// Below a guarded bus, the tap sees what really reaches the bus. It can count, to prove
/// that refused calls do not, or delay transactions, like a sensor that stretches the
/// clock.
pub struct TappedI2c<I, F> {
    bus: I,
    tap: F,
}

impl<I, F: FnMut()> TappedI2c<I, F> {
    /// Calls `tap` before each transaction on `bus`.
    pub const fn new(bus: I, tap: F) -> Self {
        Self { bus, tap }
    }

    /// The bus, for one more transaction.
    fn tapped(&mut self) -> &mut I {
        (self.tap)();
        &mut self.bus
    }
}

impl<I: ErrorType, F> ErrorType for TappedI2c<I, F> {
    type Error = I::Error;
}

impl<I: I2c, F: FnMut()> I2c for TappedI2c<I, F> {
    fn read(&mut self, address: u8, read: &mut [u8]) -> Result<(), Self::Error> {
        self.tapped().read(address, read)
    }

    fn write(&mut self, address: u8, write: &[u8]) -> Result<(), Self::Error> {
        self.tapped().write(address, write)
    }

    fn write_read(
        &mut self,
        address: u8,
        write: &[u8],
        read: &mut [u8],
    ) -> Result<(), Self::Error> {
        self.tapped().write_read(address, write, read)
    }

    fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), Self::Error> {
        self.tapped().transaction(address, operations)
    }
}
