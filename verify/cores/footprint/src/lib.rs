//! The smallest firmware, which reads a sensor forever, and the breakers added to it:
//! `cargo xtask footprint`.
//!
//! The bins differ only in the breaker, so the difference between two sizes is its cost. The
//! bin `instructions` counts the instructions of its operations.

#![no_std]

use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};

use microbreaker::{
    Breaker, Clock, Config, CountWindow, Leak, LeakyBucket, ShortWindow,
    config::{ConstConfig, Fixed},
};

/// The clock. Firmware without a breaker has it too.
pub struct Ticks;

static TICKS: AtomicU32 = AtomicU32::new(0);

impl Clock for Ticks {
    fn now(&self) -> u32 {
        TICKS.load(Ordering::Relaxed)
    }
}

/// Advances the clock by one tick.
pub fn tick() {
    TICKS.store(TICKS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Reads the sensor forever.
pub fn run(read: impl Fn() -> Option<u32>) -> ! {
    loop {
        tick();
        if let Some(value) = read() {
            black_box(value);
        }
    }
}

/// The error of a sensor that did not answer.
pub struct NoAnswer;

/// A sensor whose answers the compiler cannot predict.
#[inline(never)]
pub fn sensor() -> Result<u32, NoAnswer> {
    let value = black_box(0);
    if black_box(true) { Ok(value) } else { Err(NoAnswer) }
}

/// A breaker whose configuration is part of its type.
type Site<W, S> = Breaker<W, Ticks, (), Fixed<S>>;

/// Failures in a row.
pub struct InARow;

impl ConstConfig for InARow {
    const CONFIG: Config = Config::new().consecutive_failures(3).open_for(500);
    const MANUAL_PHASES: bool = false;
    const EXPLICIT_LENGTHS: bool = false;
}

/// The breaker of the bin `consecutive`.
pub static CONSECUTIVE: Site<(), InARow> = Breaker::fixed((), Ticks, ());

/// A number of failures among the last 16 calls.
pub struct OfTheLast16;

impl ConstConfig for OfTheLast16 {
    const CONFIG: Config = Config::new().failures_in_window(5).last_calls(16).open_for(500);
    const MANUAL_PHASES: bool = false;
    const EXPLICIT_LENGTHS: bool = false;
}

/// The breaker of the bin `last16`.
pub static LAST16: Site<ShortWindow, OfTheLast16> = Breaker::fixed(ShortWindow::new(), Ticks, ());

/// The same, with the phases entered by hand and explicit lengths.
pub struct Full;

impl ConstConfig for Full {
    const CONFIG: Config = OfTheLast16::CONFIG;
}

/// The breaker of the bin `last16_full`.
pub static LAST16_FULL: Site<ShortWindow, Full> = Breaker::fixed(ShortWindow::new(), Ticks, ());

/// A leaky bucket.
pub struct Leaky;

impl ConstConfig for Leaky {
    const CONFIG: Config = Config::new().leaky_bucket(Leak::new(14, 1, 100)).open_for(500);
    const MANUAL_PHASES: bool = false;
    const EXPLICIT_LENGTHS: bool = false;
}

/// The breaker of the bin `leaky`.
pub static LEAKY: Site<LeakyBucket, Leaky> = Breaker::fixed(LeakyBucket::new(()), Ticks, ());

/// A failure rate over the last 100 calls.
pub struct OfTheLast100;

impl ConstConfig for OfTheLast100 {
    const CONFIG: Config =
        Config::new().failure_rate(50).min_calls(20).last_calls(100).open_for(500);
    const MANUAL_PHASES: bool = false;
    const EXPLICIT_LENGTHS: bool = false;
}

/// The breaker of the bin `last100`.
pub static LAST100: Site<CountWindow<7>, OfTheLast100> =
    Breaker::fixed(CountWindow::new(), Ticks, ());
