//! The bus as an asynchronous driver has it, and a test jig that makes a target hang.

use core::future::pending;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use embedded_hal::i2c::{ErrorKind, ErrorType, I2c as _, Operation};
use embedded_hal_async::i2c::I2c;

use crate::two_wire::TwoWire;

/// No target has this address: it means every target.
const NONE: u8 = 0;

/// The bus, on which a transaction never ends if its target hangs.
///
/// A target that hangs holds SCL low, and its driver waits for an interrupt that does not
/// come. QEMU's sensors never do, so the bus does it for them.
pub struct HangingI2c(TwoWire);

static HANGS: AtomicU8 = AtomicU8::new(NONE);
static TRANSACTIONS: AtomicU32 = AtomicU32::new(0);

impl HangingI2c {
    /// The bus `wire`.
    #[must_use]
    pub const fn new(wire: TwoWire) -> Self {
        Self(wire)
    }

    /// Sets which target hangs from now on.
    pub fn hang(address: Option<u8>) {
        HANGS.store(address.unwrap_or(NONE), Ordering::Relaxed);
    }

    /// How many transactions the bus has begun.
    #[must_use]
    pub fn transactions() -> u32 {
        TRANSACTIONS.load(Ordering::Relaxed)
    }
}

impl ErrorType for HangingI2c {
    type Error = ErrorKind;
}

impl I2c for HangingI2c {
    async fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), ErrorKind> {
        TRANSACTIONS.fetch_add(1, Ordering::Relaxed);
        if HANGS.load(Ordering::Relaxed) == address {
            return pending().await;
        }
        self.0.transaction(address, operations)
    }
}

/// Reads the TMP105 at `address`, in degrees Celsius.
pub async fn read_celsius<I: I2c>(bus: &mut I, address: u8) -> Result<f32, I::Error> {
    let mut answer = [0; 2];
    bus.write_read(address, &[0], &mut answer).await?;
    Ok(f32::from(i16::from_be_bytes(answer)) / 256.0)
}
