//! The board's UART 0: receives bytes, and sends lines of JSON.

use cortex_m::asm::wfi;
use serde::Serialize;

use crate::register::Register;

// SAFETY: AN385 has UART 0 here, a CMSDK UART without DMA.
const DATA: Register = unsafe { Register::at(0x4000_4000) };
// SAFETY: as above.
const STATE: Register = unsafe { Register::at(0x4000_4004) };
// SAFETY: as above.
const CONTROL: Register = unsafe { Register::at(0x4000_4008) };
// SAFETY: as above.
const BAUD_DIVISOR: Register = unsafe { Register::at(0x4000_4010) };

const TRANSMIT_FULL: u32 = 1 << 0;
const RECEIVE_FULL: u32 = 1 << 1;
const TRANSMIT_ENABLE: u32 = 1 << 0;
const RECEIVE_ENABLE: u32 = 1 << 1;

/// The UART at the other end of which a program decides what happens.
pub struct Uart;

impl Uart {
    /// Enables the UART at 115,200 baud.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it writes to registers")]
    pub fn new() -> Self {
        BAUD_DIVISOR.write(crate::CORE_HERTZ / 115_200);
        CONTROL.write(TRANSMIT_ENABLE | RECEIVE_ENABLE);
        Self
    }

    /// Returns the byte that has been received, if one has.
    pub fn try_receive(&mut self) -> Option<u8> {
        (STATE.read() & RECEIVE_FULL != 0).then(|| DATA.read() as u8)
    }

    /// Sleeps until a byte has been received; checks at each tick.
    pub fn receive(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.try_receive() {
                return byte;
            }
            wfi();
        }
    }

    /// Sends `message` as one line of JSON.
    pub fn send(&mut self, message: &impl Serialize) {
        let mut line = [0; 384];
        let length = match serde_json_core::to_slice(message, &mut line) {
            Ok(length) => length,
            Err(_) => panic!("a message is longer than its buffer"),
        };
        for &byte in line[..length].iter().chain(b"\n") {
            while STATE.read() & TRANSMIT_FULL != 0 {}
            DATA.write(byte.into());
        }
    }
}
