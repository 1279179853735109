//! Runs the suite of tests that the host runs too.

#![no_std]
#![no_main]

use microbreaker_trials::suite::{TESTS, scenarios};
use semihosting::{println, process};

#[emulator::entry]
fn main() -> ! {
    for (name, test) in TESTS {
        println!("{name}");
        test();
    }
    println!("{} tests passed, one of them {} scenarios", TESTS.len(), scenarios());
    process::exit(0)
}
