//! Counts the instructions of each breaker's operations.

#![no_std]
#![no_main]

use core::hint::black_box;

use emulator::instructions;
use footprint::{CONSECUTIVE, LAST16, LAST16_FULL, LAST100, LEAKY};
use microbreaker::{Gate, Phase};
use semihosting::{println, process};

/// More calls than the longest window holds.
const FILL: u32 = 200;

#[emulator::entry]
fn main() -> ! {
    assert_eq!(instructions(&mut emulator::hundred_nops), 100);
    operations("consecutive", &CONSECUTIVE, || CONSECUTIVE.phase(), 3);
    operations("last16", &LAST16, || LAST16.phase(), 5);
    operations("last16_full", &LAST16_FULL, || LAST16_FULL.phase(), 5);
    operations("leaky", &LEAKY, || LEAKY.phase(), 8);
    operations("last100", &LAST100, || LAST100.phase(), 50);
    process::exit(0)
}

/// Prints how many instructions the operations of `breaker` take, which trips at `trips_at`
/// failures.
fn operations(name: &str, breaker: &'static impl Gate, phase: fn() -> Phase, trips_at: u32) {
    let mut good = || _ = black_box(breaker.call(|| black_box(Ok::<(), ()>(()))).is_ok());
    let mut bad = || _ = black_box(breaker.call(|| black_box(Err::<(), ()>(()))).is_ok());
    for _ in 0..FILL {
        good();
    }
    let counted = |operation, count: u32, then| {
        assert_eq!(phase(), then);
        println!("{name} {operation} {count}");
    };
    counted("healthy", instructions(&mut good), Phase::Closed);
    counted("failing", instructions(&mut bad), Phase::Closed);
    for _ in 2..trips_at {
        bad();
    }
    counted("trip", instructions(&mut bad), Phase::Open);
    counted("rejection", instructions(&mut good), Phase::Open);
}
