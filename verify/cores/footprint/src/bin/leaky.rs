//! With a breaker.

#![no_std]
#![no_main]

use footprint::LEAKY;

#[emulator::entry]
fn main() -> ! {
    footprint::run(|| LEAKY.call(footprint::sensor).ok())
}
