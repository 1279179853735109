//! A guarded SPI device whose transactions are futures.

use embedded_hal_async::spi::{Operation, SpiDevice};

use super::{Classify, GuardedSpiDevice, guarded_async};
use crate::gate::Gate;

impl<Word: Copy + 'static, D: SpiDevice<Word>, G: Gate, C: Classify<D::Error>> SpiDevice<Word>
    for GuardedSpiDevice<D, G, C>
{
    async fn transaction(
        &mut self,
        operations: &mut [Operation<'_, Word>],
    ) -> Result<(), Self::Error> {
        guarded_async(&self.gate, self.device.transaction(operations), &self.classify).await
    }

    async fn read(&mut self, buf: &mut [Word]) -> Result<(), Self::Error> {
        guarded_async(&self.gate, self.device.read(buf), &self.classify).await
    }

    async fn write(&mut self, buf: &[Word]) -> Result<(), Self::Error> {
        guarded_async(&self.gate, self.device.write(buf), &self.classify).await
    }

    async fn transfer(&mut self, read: &mut [Word], write: &[Word]) -> Result<(), Self::Error> {
        guarded_async(&self.gate, self.device.transfer(read, write), &self.classify).await
    }

    async fn transfer_in_place(&mut self, buf: &mut [Word]) -> Result<(), Self::Error> {
        guarded_async(&self.gate, self.device.transfer_in_place(buf), &self.classify).await
    }
}
