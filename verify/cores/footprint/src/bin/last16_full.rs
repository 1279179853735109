//! With a breaker.

#![no_std]
#![no_main]

use footprint::LAST16_FULL;

#[emulator::entry]
fn main() -> ! {
    footprint::run(|| LAST16_FULL.call(footprint::sensor).ok())
}
