//! A bus whose transactions have a time limit.

use embassy_time::{Duration, with_timeout};
use embedded_hal::i2c::{self, ErrorKind, ErrorType, Operation};
use embedded_hal_async::i2c::I2c;

/// Gives up each transaction on `I` that takes longer than the limit.
pub(crate) struct Limited<I> {
    bus: I,
    limit: Duration,
}

/// Why a transaction failed.
#[derive(Debug)]
pub(crate) enum Fault<E> {
    /// It took longer than the limit.
    Late,
    Bus(E),
}

impl<I> Limited<I> {
    pub(crate) const fn new(bus: I, limit: Duration) -> Self {
        Self { bus, limit }
    }
}

impl<E: i2c::Error> i2c::Error for Fault<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Late => ErrorKind::Other,
            Self::Bus(error) => error.kind(),
        }
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
        match with_timeout(self.limit, self.bus.transaction(address, operations)).await {
            Ok(result) => result.map_err(Fault::Bus),
            Err(_) => Err(Fault::Late),
        }
    }
}
