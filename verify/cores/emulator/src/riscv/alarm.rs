//! The machine timer as an alarm.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};

use ::riscv::interrupt::Interrupt;
use ::riscv::register::mie;

use super::executed;
use crate::interrupt;

/// Instructions per tick of the timer: a tick is 100 ns, and under QEMU's `-icount shift=0` an
/// instruction takes 1 ns.
const TICK: u32 = 100;

/// The addresses of the timer on QEMU's `virt`. Within a run, the high word of the time stays 0.
const TIME: *const u32 = 0x0200_bff8 as _;
const COMPARE: *mut u32 = 0x0200_4000 as _;
const COMPARE_HIGH: *mut u32 = 0x0200_4004 as _;

/// When the alarm is due, in instructions since reset.
static DUE: AtomicU32 = AtomicU32::new(0);

/// Interrupts once, after this many instructions.
#[inline]
pub(crate) fn set(instructions: u32) {
    // The alarm is set early in a tick. Then it goes off the same number of instructions
    // later, whether QEMU counts ticks from this moment or from the start of the tick.
    pass(TICK - executed() % TICK);
    let ticks = 1 + instructions / TICK;
    DUE.store(executed() + ticks * TICK, Ordering::Relaxed);
    // SAFETY: the timer is at this address.
    let now = unsafe { TIME.read_volatile() };
    // SAFETY: its compare register is at this address.
    unsafe { COMPARE.write_volatile(now + ticks) };
    // SAFETY: as above.
    unsafe { COMPARE_HIGH.write_volatile(0) };
    // SAFETY: the interrupted code expects the interrupt.
    unsafe { mie::set_mtimer() };
    // SAFETY: as above.
    unsafe { ::riscv::interrupt::enable() };
    pass(TICK - instructions % TICK);
}

#[inline]
pub(crate) fn cancel() {
    // SAFETY: masking an interrupt harms nothing.
    unsafe { mie::clear_mtimer() };
    // SAFETY: the compare register is at this address. The timer never reaches this value.
    unsafe { COMPARE_HIGH.write_volatile(u32::MAX) };
}

#[riscv_rt::core_interrupt(Interrupt::MachineTimer)]
fn came() {
    let late = executed() - DUE.load(Ordering::Relaxed);
    cancel();
    interrupt::came(late);
}

/// Does nothing for this many instructions, up to [`TICK`], and a few more.
#[inline]
fn pass(instructions: u32) {
    // SAFETY: it jumps to one of these instructions, two bytes each, or just past them.
    unsafe {
        asm!(
            "la {to}, 2f",
            "sub {to}, {to}, {bytes}",
            "jr {to}",
            ".rept {TICK}",
            "c.nop",
            ".endr",
            "2:",
            to = out(reg) _,
            bytes = in(reg) 2 * instructions,
            TICK = const TICK,
        );
    }
}
