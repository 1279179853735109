//! An interrupt after an exact number of instructions.

use core::cell::Cell;
use core::mem;
use core::sync::atomic::{AtomicU32, Ordering};

use critical_section::Mutex;

use crate::core_local::alarm;

/// What the next alarm does.
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
/// Under QEMU's `-icount`, with what `cargo xtask` has it pass by the instruction,
/// each number is the next instruction.
#[inline(never)]
pub fn interrupted(
    instructions: u32,
    handler: &dyn Fn(),
    operation: &mut dyn FnMut(),
) -> Option<u32> {
    // SAFETY: it is taken out again before it may be gone.
    let forever = unsafe { mem::transmute::<&dyn Fn(), &'static dyn Fn()>(handler) };
    critical_section::with(|cs| HANDLER.borrow(cs).set(Some(Handler(forever))));
    alarm::set(instructions);
    operation();
    alarm::cancel();
    let came = critical_section::with(|cs| HANDLER.borrow(cs).take()).is_none();
    came.then(|| LATE.load(Ordering::Relaxed))
}

/// The alarm has come, so many instructions late, and is off.
pub(crate) fn came(late: u32) {
    if let Some(Handler(handler)) = critical_section::with(|cs| HANDLER.borrow(cs).take()) {
        LATE.store(late, Ordering::Relaxed);
        handler();
    }
}
