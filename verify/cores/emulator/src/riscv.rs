//! RISC-V counts its instructions itself.

pub(crate) mod alarm;

use ::riscv::register::minstret;
pub use riscv_rt::entry;

/// The number of instructions that it takes to run `operation` and to read the counter.
#[inline(never)]
pub(crate) fn count(operation: &mut dyn FnMut()) -> u32 {
    let start = executed();
    operation();
    executed().wrapping_sub(start)
}

/// The number of instructions since reset.
#[inline]
fn executed() -> u32 {
    minstret::read() as u32
}
