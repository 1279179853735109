//! I2C on the board's SBCon port: two open-drain pins, driven by hand.

use cortex_m::asm::delay;
use embedded_hal::i2c::{ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation};

use crate::register::Register;

/// Writing a one releases a line; reading gives the state of the lines.
// SAFETY: AN385 has the SBCon port of shield 1 here; it only drives two pins.
const SET: Register = unsafe { Register::at(0x4002_a000) };
/// Writing a one pulls a line low.
// SAFETY: as above.
const CLEAR: Register = unsafe { Register::at(0x4002_a004) };

const SCL: u32 = 1 << 0;
const SDA: u32 = 1 << 1;

/// Half a period at 100 kHz, in cycles at 25 MHz.
const HALF_PERIOD: u32 = 125;

/// The only controller on the bus. It does not wait for a target that stretches the
/// clock, because the port cannot read SCL.
pub struct TwoWire;

impl TwoWire {
    /// The bus, idle: both lines released.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it writes to registers")]
    pub fn new() -> Self {
        release(SDA);
        release(SCL);
        Self
    }

    /// Whether both lines are high: no target holds SDA.
    pub fn is_free(&mut self) -> bool {
        release(SDA);
        release(SCL);
        SET.read() & SDA != 0
    }

    /// Clocks until the target that holds SDA lets go of it, at most nine times, and sends
    /// a STOP. A target that was interrupted while it sent a byte has then sent the rest.
    /// Returns the number of clocks; `None` if SDA is still held.
    pub fn recover(&mut self) -> Option<u32> {
        let clocks = (0..=9).find(|_| {
            let free = self.is_free();
            pull_low(SCL);
            free
        });
        self.stop();
        clocks
    }

    /// Begins to read from `address`, and stops in the middle of the first byte, as a
    /// controller does that is reset. The target holds SDA if the next bit is a zero.
    pub fn break_off(&mut self, address: u8) -> Result<(), ErrorKind> {
        self.start()?;
        if !self.write_byte(address << 1 | 1) {
            return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
        }
        release(SDA);
        release(SCL);
        Ok(())
    }

    /// Sends a START, or a repeated START if the last one was not followed by a STOP.
    fn start(&mut self) -> Result<(), ErrorKind> {
        if !self.is_free() {
            return Err(ErrorKind::Bus);
        }
        pull_low(SDA);
        pull_low(SCL);
        Ok(())
    }

    fn stop(&mut self) {
        pull_low(SDA);
        release(SCL);
        release(SDA);
    }

    fn write_bit(&mut self, high: bool) {
        if high {
            release(SDA)
        } else {
            pull_low(SDA)
        }
        release(SCL);
        pull_low(SCL);
    }

    fn read_bit(&mut self) -> bool {
        release(SDA);
        release(SCL);
        let high = SET.read() & SDA != 0;
        pull_low(SCL);
        high
    }

    /// Sends a byte, and returns whether it was acknowledged.
    #[must_use]
    fn write_byte(&mut self, byte: u8) -> bool {
        for bit in (0..8).rev() {
            self.write_bit(byte >> bit & 1 != 0);
        }
        !self.read_bit()
    }

    fn read_byte(&mut self, acknowledge: bool) -> u8 {
        let byte = (0..8).fold(0, |byte, _| byte << 1 | u8::from(self.read_bit()));
        self.write_bit(!acknowledge);
        byte
    }

    /// Performs a transaction, except for its STOP.
    fn transfer(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), ErrorKind> {
        let mut direction = None;
        let mut rest = operations.iter_mut().peekable();
        while let Some(operation) = rest.next() {
            let reads = matches!(operation, Operation::Read(_));
            // Successive operations in the same direction are one transfer.
            if direction != Some(reads) {
                direction = Some(reads);
                self.start()?;
                if !self.write_byte(address << 1 | u8::from(reads)) {
                    return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
                }
            }
            match operation {
                Operation::Write(bytes) => {
                    for &byte in bytes.iter() {
                        if !self.write_byte(byte) {
                            return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Data));
                        }
                    }
                }
                Operation::Read(buffer) => {
                    let goes_on = matches!(rest.peek(), Some(Operation::Read(_)));
                    let last = buffer.len().wrapping_sub(1);
                    for (i, byte) in buffer.iter_mut().enumerate() {
                        // The last byte is not acknowledged, which ends the transfer.
                        *byte = self.read_byte(goes_on || i != last);
                    }
                }
            }
        }
        Ok(())
    }
}

impl ErrorType for TwoWire {
    type Error = ErrorKind;
}

impl I2c for TwoWire {
    fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), ErrorKind> {
        let result = self.transfer(address, operations);
        if result != Err(ErrorKind::Bus) {
            self.stop();
        }
        result
    }
}

/// Holds SCL low during `pause`, as a target does that needs more time.
pub fn hold_clock_low(pause: impl FnOnce()) {
    pull_low(SCL);
    pause();
    release(SCL);
}

fn release(line: u32) {
    SET.write(line);
    delay(HALF_PERIOD);
}

fn pull_low(line: u32) {
    CLEAR.write(line);
    delay(HALF_PERIOD);
}
