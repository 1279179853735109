//! Two harts hammer breakers truly in parallel, because QEMU runs each on a thread of its own.
//! `microbreaker_trials::stress` checks the invariants.

#![no_std]
#![no_main]

use core::arch::global_asm;
use core::hint::spin_loop;

use microbreaker_trials::stress::Stress;
use semihosting::{println, process};

static STRESS: Stress = Stress::new(2, spin_loop);

/// The register that raises hart 1's software interrupt, which wakes it.
// QEMU's CLINT has a word for each hart here.
const WAKE_HART_1: *mut u32 = 0x0200_0004 as *mut u32;

// Only hart 0 initializes the RAM; hart 1 sleeps until hart 0 wakes it afterwards.
global_asm!(
    ".section .init.mp_hook, \"ax\"
    .global _mp_hook
    _mp_hook:
        beqz a0, 2f
        csrsi mie, 8
    1:  wfi
        csrr a0, mip
        andi a0, a0, 8
        beqz a0, 1b
        li a0, 0
        ret
    2:  li a0, 1
        ret"
);

#[emulator::entry]
fn main(hart: usize) -> ! {
    if hart == 0 {
        // SAFETY: the CLINT is at this address, and this word only wakes hart 1.
        unsafe { WAKE_HART_1.write_volatile(1) };
    }
    STRESS.work(hart as u32);
    if hart != 0 {
        loop {
            spin_loop();
        }
    }
    let report = STRESS.report();
    assert!(report.lost > 0, "the harts did not run in parallel: {report:?}");
    println!(
        "{} calls by two harts, {} transitions: each invariant held; a torn counter lost {} updates",
        report.calls, report.transitions, report.lost
    );
    process::exit(0)
}
