//! A bus that counts what really happens on it.

use core::cell::Cell;

use embedded_hal::i2c::{ErrorType, I2c, Operation};

/// Counts the transactions of `I`: put below a guard, it is the proof that a
/// refused call does not touch the bus.
pub struct CountingI2c<'a, I> {
    bus: I,
    transactions: &'a Cell<u32>,
}

impl<'a, I> CountingI2c<'a, I> {
    /// Counts into `transactions`, which stays readable while a driver owns the bus.
    pub const fn new(bus: I, transactions: &'a Cell<u32>) -> Self {
        Self { bus, transactions }
    }

    /// The bus, for one more transaction.
    fn counted(&mut self) -> &mut I {
        self.transactions.set(self.transactions.get() + 1);
        &mut self.bus
    }
}

impl<I: ErrorType> ErrorType for CountingI2c<'_, I> {
    type Error = I::Error;
}

impl<I: I2c> I2c for CountingI2c<'_, I> {
    fn read(&mut self, address: u8, read: &mut [u8]) -> Result<(), Self::Error> {
        self.counted().read(address, read)
    }

    fn write(&mut self, address: u8, write: &[u8]) -> Result<(), Self::Error> {
        self.counted().write(address, write)
    }

    fn write_read(
        &mut self,
        address: u8,
        write: &[u8],
        read: &mut [u8],
    ) -> Result<(), Self::Error> {
        self.counted().write_read(address, write, read)
    }

    fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), Self::Error> {
        self.counted().transaction(address, operations)
    }
}
