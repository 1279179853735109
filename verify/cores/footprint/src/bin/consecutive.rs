//! With a breaker.

#![no_std]
#![no_main]

use footprint::CONSECUTIVE;

#[emulator::entry]
fn main() -> ! {
    footprint::run(|| CONSECUTIVE.call(footprint::sensor).ok())
}
