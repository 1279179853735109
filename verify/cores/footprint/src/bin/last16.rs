//! With a breaker.

#![no_std]
#![no_main]

use footprint::LAST16;

#[emulator::entry]
fn main() -> ! {
    footprint::run(|| LAST16.call(footprint::sensor).ok())
}
