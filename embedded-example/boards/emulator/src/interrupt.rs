//! An interrupt after an exact number of instructions.

use core::cell::Cell;
use core::mem;

use cortex_m::peripheral::{SCB, syst::SystClkSource};
use cortex_m_rt::exception;
use critical_section::Mutex;

use crate::core_local::{MEGAHERTZ, NANOSECONDS};

/// What the next SysTick does.
static HANDLER: Mutex<Cell<Option<Handler>>> = Mutex::new(Cell::new(None));

struct Handler(&'static dyn Fn());

// SAFETY: there is one core, and its only thread lent it to the interrupt.
unsafe impl Send for Handler {}

/// Does `operation`, interrupted once by `handler`: after so many instructions
/// from shortly before it starts. False if it ended before that; `handler` is
/// not called then.
///
/// Under QEMU's `-icount shift=10` each number is the next instruction.
#[inline(never)]
pub fn interrupted(instructions: u32, handler: &dyn Fn(), operation: &mut dyn FnMut()) -> bool {
    // SAFETY: it is taken out again before it may be gone.
    let forever = unsafe { mem::transmute::<&dyn Fn(), &'static dyn Fn()>(handler) };
    critical_section::with(|cs| HANDLER.borrow(cs).set(Some(Handler(forever))));
    // SAFETY: nothing else uses SysTick at the same time.
    let mut systick = unsafe { cortex_m::Peripherals::steal() }.SYST;
    systick.set_clock_source(SystClkSource::Core);
    // Rounded up to the first tick after so many instructions.
    systick.set_reload((instructions * NANOSECONDS * MEGAHERTZ).div_ceil(1_000));
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();
    operation();
    systick.disable_counter();
    systick.disable_interrupt();
    SCB::clear_pendst();
    critical_section::with(|cs| HANDLER.borrow(cs).take()).is_none()
}

#[exception]
fn SysTick() {
    // SAFETY: whoever enabled it is interrupted.
    unsafe { cortex_m::Peripherals::steal() }.SYST.disable_counter();
    // It may have come twice if it was to come at once.
    if let Some(Handler(handler)) = critical_section::with(|cs| HANDLER.borrow(cs).take()) {
        handler();
    }
}
