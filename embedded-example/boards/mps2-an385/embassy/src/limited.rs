//! A bus whose transactions have a time limit.

use embassy_time::{Duration, with_timeout};
use embedded_hal::i2c::{ErrorType, Operation};
use embedded_hal_async::i2c::I2c;
use mps2_an385::two_sensors::Fault;

/// Gives up each transaction on `I` that takes longer than the limit of its target.
pub(crate) struct Limited<I> {
    bus: I,
    limit_of: fn(address: u8) -> Duration,
}

impl<I> Limited<I> {
    pub(crate) const fn new(bus: I, limit_of: fn(address: u8) -> Duration) -> Self {
        Self { bus, limit_of }
    }
}

impl<I: ErrorType> ErrorType for Limited<I> {
    type Error = Fault<I::Error>;
}

impl<I: I2c> I2c for Limited<I> {
    async fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), Self::Error> {
        match with_timeout((self.limit_of)(address), self.bus.transaction(address, operations))
            .await
        {
            Ok(result) => result.map_err(Fault::Bus),
            Err(_) => Err(Fault::Late),
        }
    }
}
