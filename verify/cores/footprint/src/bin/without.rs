//! Without a breaker.

#![no_std]
#![no_main]

#[emulator::entry]
fn main() -> ! {
    footprint::run(|| footprint::sensor().ok())
}
