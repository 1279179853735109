//! An interrupt after an exact number of instructions.

use core::cell::Cell;
use core::mem;
use core::sync::atomic::{AtomicU32, Ordering};

use critical_section::Mutex;

use crate::core_local::alarm;

/// What the next alarm does.
static HANDLER: Mutex<Cell<Option<Handler>>> = Mutex::new(Cell::new(None));

/// How many instructions late the last alarm was.
static LATE: AtomicU32 = AtomicU32::new(0);

struct Handler(&'static dyn Fn());

// SAFETY: there is one core, and its only thread lends the handler to the interrupt.
unsafe impl Send for Handler {}

/// Runs `operation`, interrupted once by `handler`, after this many instructions
/// from shortly before it starts. `None` if the operation ended before that;
/// `handler` is then not called. Otherwise, how many instructions late it was
/// called: more if interrupts were masked.
///
/// Under QEMU's `-icount`, where `cargo xtask` makes time pass by the instruction,
/// each number selects the next instruction.
#[inline(never)]
pub fn interrupted(
    instructions: u32,
    handler: &dyn Fn(),
    operation: &mut dyn FnMut(),
) -> Option<u32> {
    // SAFETY: the handler is taken out again before it can be gone.
    let forever = unsafe { mem::transmute::<&dyn Fn(), &'static dyn Fn()>(handler) };
    critical_section::with(|cs| HANDLER.borrow(cs).set(Some(Handler(forever))));
    alarm::set(instructions);
    operation();
    alarm::cancel();
    let came = critical_section::with(|cs| HANDLER.borrow(cs).take()).is_none();
    came.then(|| LATE.load(Ordering::Relaxed))
}

/// The alarm has come, this many instructions late, and is off.
pub(crate) fn came(late: u32) {
    if let Some(Handler(handler)) = critical_section::with(|cs| HANDLER.borrow(cs).take()) {
        LATE.store(late, Ordering::Relaxed);
        handler();
    }
}
