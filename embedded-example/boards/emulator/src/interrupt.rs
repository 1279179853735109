//! An interrupt after an exact number of instructions.

use core::cell::Cell;
use core::mem;
use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::{SCB, SYST, syst::SystClkSource};
use cortex_m_rt::exception;
use critical_section::Mutex;

use crate::core_local::{MASK, MEGAHERTZ, NANOSECONDS};

/// What the next SysTick does.
static HANDLER: Mutex<Cell<Option<Handler>>> = Mutex::new(Cell::new(None));

/// By how many instructions the last one was late.
static LATE: AtomicU32 = AtomicU32::new(0);

struct Handler(&'static dyn Fn());

// SAFETY: there is one core, and its only thread lent it to the interrupt.
unsafe impl Send for Handler {}

/// Does `operation`, interrupted once by `handler`: after so many instructions
/// from shortly before it starts. `None` if it ended before that; `handler` is
/// not called then. Otherwise, how many instructions later it was called: more
/// if interrupts were masked.
///
/// Under QEMU's `-icount shift=10` each number is the next instruction.
#[inline(never)]
pub fn interrupted(
    instructions: u32,
    handler: &dyn Fn(),
    operation: &mut dyn FnMut(),
) -> Option<u32> {
    // SAFETY: it is taken out again before it may be gone.
    let forever = unsafe { mem::transmute::<&dyn Fn(), &'static dyn Fn()>(handler) };
    critical_section::with(|cs| HANDLER.borrow(cs).set(Some(Handler(forever))));
    // SAFETY: nothing else uses SysTick at the same time.
    let mut systick = unsafe { cortex_m::Peripherals::steal() }.SYST;
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(ticks(instructions));
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();
    // Once it has come, time is counted.
    systick.set_reload(MASK);
    operation();
    systick.disable_counter();
    systick.disable_interrupt();
    SCB::clear_pendst();
    let came = critical_section::with(|cs| HANDLER.borrow(cs).take()).is_none();
    came.then(|| LATE.load(Ordering::Relaxed))
}

#[exception]
fn SysTick() {
    let late = (MASK - SYST::get_current()) / ticks(1);
    // SAFETY: whoever enabled it is interrupted.
    unsafe { cortex_m::Peripherals::steal() }.SYST.disable_counter();
    if let Some(Handler(handler)) = critical_section::with(|cs| HANDLER.borrow(cs).take()) {
        LATE.store(late, Ordering::Relaxed);
        handler();
    }
}

/// SysTick's first tick after so many instructions.
const fn ticks(instructions: u32) -> u32 {
    (instructions * NANOSECONDS * MEGAHERTZ).div_ceil(1_000)
}
