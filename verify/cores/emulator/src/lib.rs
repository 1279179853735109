//! What the programs here need from any core in QEMU: its entry point, the number of
//! instructions that an operation takes, and interrupts at any instruction.
//!
//! Counts are exact because `cargo xtask` has QEMU let time pass by the instruction.

#![no_std]

#[cfg(target_arch = "arm")]
mod arm;
mod interrupt;
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
mod riscv;

use core::panic::PanicInfo;

use semihosting::{eprintln, process};

#[cfg(target_arch = "arm")]
use arm as core_local;
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
use riscv as core_local;

pub use core_local::entry;
pub use interrupt::interrupted;

/// The number of instructions that `operation` takes.
pub fn instructions(operation: &mut dyn FnMut()) -> u32 {
    // Counting takes instructions too.
    core_local::count(operation) - core_local::count(&mut || {})
}

/// A hundred instructions, to check the count with.
pub fn hundred_nops() {
    // SAFETY: a nop does nothing.
    unsafe { core::arch::asm!(".rept 100", "nop", ".endr") }
}

/// Prints the panic, and ends QEMU with an error.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    eprintln!("{info}");
    process::abort()
}
