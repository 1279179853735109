//! With a breaker.

#![no_std]
#![no_main]

use footprint::LAST100;

#[emulator::entry]
fn main() -> ! {
    footprint::run(|| LAST100.call(footprint::sensor).ok())
}
