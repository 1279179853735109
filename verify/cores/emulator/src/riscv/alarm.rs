//! The machine timer as an alarm.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};

use ::riscv::interrupt::Interrupt;
use ::riscv::register::mie;

use super::executed;
use crate::interrupt;

/// Instructions to a tick of the timer: 100 ns, under QEMU's `-icount shift=0`.
const TICK: u32 = 100;

/// Where QEMU's `virt` has the timer. It does not get to the higher words.
const TIME: *const u32 = 0x0200_bff8 as _;
const COMPARE: *mut u32 = 0x0200_4000 as _;
const COMPARE_HIGH: *mut u32 = 0x0200_4004 as _;

/// When it is due, in instructions since reset.
static DUE: AtomicU32 = AtomicU32::new(0);

/// Interrupts once, after so many instructions.
#[inline]
pub(crate) fn set(instructions: u32) {
    // It is set early in a tick, and then goes off as many instructions later
    // whether ticks are counted from there or from the beginning of this one.
    pass(TICK - executed() % TICK);
    let ticks = 1 + instructions / TICK;
    DUE.store(executed() + ticks * TICK, Ordering::Relaxed);
    // SAFETY: there is the timer.
    let now = unsafe { TIME.read_volatile() };
    // SAFETY: there it is compared.
    unsafe { COMPARE.write_volatile(now + ticks) };
    // SAFETY: as above.
    unsafe { COMPARE_HIGH.write_volatile(0) };
    // SAFETY: whom it interrupts asked for it.
    unsafe { mie::set_mtimer() };
    // SAFETY: as above.
    unsafe { ::riscv::interrupt::enable() };
    pass(TICK - instructions % TICK);
}

#[inline]
pub(crate) fn cancel() {
    // SAFETY: an interrupt less harms nobody.
    unsafe { mie::clear_mtimer() };
    // SAFETY: there is the timer. It does not get there.
    unsafe { COMPARE_HIGH.write_volatile(u32::MAX) };
}

#[riscv_rt::core_interrupt(Interrupt::MachineTimer)]
fn came() {
    let late = executed() - DUE.load(Ordering::Relaxed);
    cancel();
    interrupt::came(late);
}

/// Does nothing for so many instructions, up to [`TICK`], and some more.
#[inline]
fn pass(instructions: u32) {
    // SAFETY: it jumps to one of these instructions, two bytes each, or past them.
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
