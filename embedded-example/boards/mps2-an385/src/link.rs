//! A link over SPI whose calls end in an interrupt handler.
//!
//! [`start`] acquires a permit, fills the transmit FIFO and returns. The handler,
//! [`interrupt`], checks what came back and finishes the permit. In between, the permit
//! is a [`Token`]. The PL022 loops back what it sends, so its peer is always healthy.

use core::cell::Cell;

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use critical_section::Mutex;
use microbreaker::{Rejected, Token};
use mps2_an385::register::Register;

use crate::LINK;

// SAFETY: AN385 has the PL022 of shield 0 here, and its DMA stays disabled.
const CONTROL_0: Register = unsafe { Register::at(0x4002_6000) };
// SAFETY: as above.
const CONTROL_1: Register = unsafe { Register::at(0x4002_6004) };
// SAFETY: as above.
const DATA: Register = unsafe { Register::at(0x4002_6008) };
// SAFETY: as above.
const PRESCALER: Register = unsafe { Register::at(0x4002_6010) };
// SAFETY: as above.
const INTERRUPT_MASK: Register = unsafe { Register::at(0x4002_6014) };

const EIGHT_BITS: u32 = 7;
const LOOP_BACK: u32 = 1 << 0;
const ENABLE: u32 = 1 << 1;
const RECEIVE_HALF_FULL: u32 = 1 << 2;

/// Half the receive FIFO: the interrupt is raised once the whole frame is back.
pub(crate) type Frame = [u8; 4];

/// The exchange on the wire: its permit, and the frame that must come back.
static UNDER_WAY: Mutex<Cell<Option<(Token, Frame)>>> = Mutex::new(Cell::new(None));

/// The PL022's interrupt line.
#[derive(Clone, Copy)]
struct Interrupt;

/// The number of that line.
pub(crate) const INTERRUPT: i16 = 24;

// SAFETY: AN385 wires the PL022s of both shields to this line.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        INTERRUPT as u16
    }
}

/// Sets up the PL022, and unmasks its interrupt.
pub(crate) fn enable() {
    PRESCALER.write(2);
    CONTROL_0.write(EIGHT_BITS);
    CONTROL_1.write(ENABLE | LOOP_BACK);
    INTERRUPT_MASK.write(RECEIVE_HALF_FULL);
    // SAFETY: the handler is in place, and no critical section relies on the mask.
    unsafe { NVIC::unmask(Interrupt) }
}

/// Starts an exchange if the link's breaker permits one. It ends in [`interrupt`].
pub(crate) fn start(frame: Frame) -> Result<(), Rejected> {
    if let Some((token, _)) = critical_section::with(|cs| UNDER_WAY.borrow(cs).take()) {
        // The interrupt of the previous exchange never came.
        LINK.resume(token).failure();
    }
    let token = LINK.try_acquire()?.into_token();
    critical_section::with(|cs| UNDER_WAY.borrow(cs).set(Some((token, frame))));
    for byte in frame {
        DATA.write(byte.into());
    }
    Ok(())
}

/// Handles the interrupt: a frame has come back, which finishes the exchange.
pub(crate) fn interrupt() {
    let mut received = Frame::default();
    for byte in &mut received {
        *byte = DATA.read() as u8;
    }
    if let Some((token, sent)) = critical_section::with(|cs| UNDER_WAY.borrow(cs).take()) {
        let permit = LINK.resume(token);
        if received == sent { permit.success() } else { permit.failure() }
    }
}
