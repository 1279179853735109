//! Cortex-M: each instruction takes a fixed virtual time, which SysTick measures.

pub(crate) mod alarm;

use cortex_m::peripheral::syst::SystClkSource;
pub use cortex_m_rt::entry;

/// The virtual time of an instruction, under QEMU's `-icount shift=10`.
const NANOSECONDS: u32 = 1 << 10;

/// The clock rates of QEMU's boards: `mps2-an505`, `mps2-an385` and `-an386`, `microbit`.
const MEGAHERTZ: u32 = match () {
    () if cfg!(secure) => 20,
    () if cfg!(target_has_atomic = "32") => 25,
    () => 16,
};

/// The largest value of SysTick, which counts down in 24 bits.
const MASK: u32 = (1 << 24) - 1;

/// The number of instructions that it takes to run `operation` and to read SysTick.
#[inline(never)]
pub(crate) fn count(operation: &mut dyn FnMut()) -> u32 {
    // SAFETY: nothing else here uses SysTick.
    let mut systick = unsafe { cortex_m::Peripherals::steal() }.SYST;
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(MASK);
    systick.clear_current();
    systick.enable_counter();
    // The first tick loads the counter.
    cortex_m::asm::nop();
    let start = cortex_m::peripheral::SYST::get_current();
    operation();
    let ticks = (start - cortex_m::peripheral::SYST::get_current()) & MASK;
    // A tick is shorter than an instruction: rounding gives the exact number.
    (ticks * 1_000 + MEGAHERTZ * NANOSECONDS / 2) / (MEGAHERTZ * NANOSECONDS)
}
