//! What the programs here need of a core in QEMU, whichever it is: where it
//! starts, and how many instructions something takes.
//!
//! Instructions are counted exactly, as QEMU is told to let the time pass by
//! them: `cargo xtask footprint` does.

#![no_std]

#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "riscv32", path = "riscv.rs")]
mod core_local;
#[cfg(target_arch = "arm")]
mod interrupt;

use core::panic::PanicInfo;

use semihosting::{eprintln, process};

pub use core_local::entry;
#[cfg(target_arch = "arm")]
pub use interrupt::interrupted;

/// The instructions that `operation` takes.
pub fn instructions(operation: &mut dyn FnMut()) -> u32 {
    // What it takes to count counts, too.
    core_local::count(operation) - core_local::count(&mut || {})
}

/// A hundred instructions, to test the counting with.
pub fn hundred_nops() {
    // SAFETY: a nop does nothing.
    unsafe { core::arch::asm!(".rept 100", "nop", ".endr") }
}

/// Says what went wrong, and ends QEMU with an error.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    eprintln!("{info}");
    process::abort()
}
