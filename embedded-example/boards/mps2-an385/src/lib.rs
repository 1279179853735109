//! Arm's MPS2 board (AN385: a Cortex-M3), as far as the examples need it.

#![no_std]

pub mod hanging;
pub mod lan9118;
pub mod log;
pub mod register;
pub mod ticks;
pub mod two_sensors;
pub mod two_wire;
pub mod uart;

use core::panic::PanicInfo;

use cortex_m_rt::{ExceptionFrame, exception};
use defmt::{Display2Format, error};
use defmt_semihosting as _;
use semihosting::process;

/// The clock of the core.
pub const CORE_HERTZ: u32 = 25_000_000;

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    panic!("hard fault at {:#010x}", frame.pc())
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    error!("{}", Display2Format(info));
    process::abort()
}
