//! What the programs here need of a core in QEMU, whichever it is: where it
//! starts, and how many instructions something takes.
//!
//! Instructions are counted exactly, as QEMU is told to let the time pass by
//! them: `cargo xtask footprint` does.

#![no_std]

#[cfg(target_arch = "arm")]
mod arm;
mod interrupt;
#[cfg(target_arch = "riscv32")]
mod riscv;

use core::panic::PanicInfo;

use semihosting::{eprintln, process};

#[cfg(target_arch = "arm")]
use arm as core_local;
#[cfg(target_arch = "riscv32")]
use riscv as core_local;

pub use core_local::entry;
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
