//! SysTick, the core's own timer.

use cortex_m::asm::wfi;
use cortex_m::peripheral::{SYST, syst::SystClkSource};
use microbreaker::clock::{Clock, ManualClock, elapsed};

use crate::CORE_HERTZ;

/// Has SysTick interrupt `hertz` times a second.
pub fn start(systick: &mut SYST, hertz: u32) {
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(CORE_HERTZ / hertz - 1);
    systick.clear_current();
    systick.enable_counter();
    systick.enable_interrupt();
}

/// Sleeps for `ticks` of `clock`, which SysTick advances.
pub fn pause(clock: &ManualClock, ticks: u32) {
    let since = clock.now();
    while elapsed(clock.now(), since) < ticks {
        wfi();
    }
}
