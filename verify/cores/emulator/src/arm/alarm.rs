//! SysTick as an alarm.

use cortex_m::peripheral::{SCB, SYST, syst::SystClkSource};
use cortex_m_rt::exception;

use super::{MASK, MEGAHERTZ, NANOSECONDS};
use crate::interrupt;

/// Interrupts once, after this many instructions.
#[inline]
pub(crate) fn set(instructions: u32) {
    // SAFETY: nothing else uses SysTick in the meantime.
    let mut systick = unsafe { cortex_m::Peripherals::steal() }.SYST;
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(ticks(instructions));
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();
    // After the interrupt, the counter measures the time since then.
    systick.set_reload(MASK);
}

#[inline]
pub(crate) fn cancel() {
    // SAFETY: as above.
    let mut systick = unsafe { cortex_m::Peripherals::steal() }.SYST;
    systick.disable_counter();
    systick.disable_interrupt();
    SCB::clear_pendst();
}

#[exception]
fn SysTick() {
    let late = (MASK - SYST::get_current()) / ticks(1);
    // SAFETY: the code that enabled SysTick is interrupted now.
    unsafe { cortex_m::Peripherals::steal() }.SYST.disable_counter();
    interrupt::came(late);
}

/// The first tick of SysTick after this many instructions.
const fn ticks(instructions: u32) -> u32 {
    (instructions * NANOSECONDS * MEGAHERTZ).div_ceil(1_000)
}
