//! A guarded I2C bus whose transactions are futures.

use embedded_hal_async::i2c::{AddressMode, I2c, Operation};

use super::{Classify, GuardedI2c, guarded_async};
use crate::gate::Gate;

impl<A: AddressMode, I: I2c<A>, G: Gate, C: Classify<I::Error>> I2c<A> for GuardedI2c<I, G, C> {
    async fn read(&mut self, address: A, read: &mut [u8]) -> Result<(), Self::Error> {
        guarded_async(&self.gate, self.bus.read(address, read), &self.classify).await
    }

    async fn write(&mut self, address: A, write: &[u8]) -> Result<(), Self::Error> {
        guarded_async(&self.gate, self.bus.write(address, write), &self.classify).await
    }

    async fn write_read(
        &mut self,
        address: A,
        write: &[u8],
        read: &mut [u8],
    ) -> Result<(), Self::Error> {
        guarded_async(&self.gate, self.bus.write_read(address, write, read), &self.classify).await
    }

    async fn transaction(
        &mut self,
        address: A,
        operations: &mut [Operation<'_>],
    ) -> Result<(), Self::Error> {
        guarded_async(&self.gate, self.bus.transaction(address, operations), &self.classify).await
    }
}
