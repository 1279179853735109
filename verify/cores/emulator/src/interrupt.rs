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

// SAFETY: there is one core, whose only thread lends the handler to the interrupt.
unsafe impl Send for Handler {}

/// Runs `operation`, and interrupts it once with `handler`, this many instructions after a
/// moment shortly before it starts. Returns how many instructions late the handler was
/// called: more if interrupts were masked. `None` if the operation had ended by then; the
/// handler is then not called.
///
/// Each number selects the next instruction, because `cargo xtask` runs QEMU with `-icount`:
/// its time passes by the instruction.
#[inline(never)]
pub fn interrupted(
    instructions: u32,
    handler: &dyn Fn(),
    operation: &mut dyn FnMut(),
) -> Option<u32> {
    // SAFETY: the handler is taken out again before this function returns.
    let forever = unsafe { mem::transmute::<&dyn Fn(), &'static dyn Fn()>(handler) };
    critical_section::with(|cs| HANDLER.borrow(cs).set(Some(Handler(forever))));
    alarm::set(instructions);
    operation();
    alarm::cancel();
    let came = critical_section::with(|cs| HANDLER.borrow(cs).take()).is_none();
    came.then(|| LATE.load(Ordering::Relaxed))
}

/// Runs the handler. The alarm calls this when it has gone off, `late` instructions late.
pub(crate) fn came(late: u32) {
    if let Some(Handler(handler)) = critical_section::with(|cs| HANDLER.borrow(cs).take()) {
        LATE.store(late, Ordering::Relaxed);
        handler();
    }
}
