//! Firmware that guards a sensor with a breaker in a `static`.

#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

// Linked for its implementation of `critical-section`.
use cortex_m as _;
use microbreaker::{Breaker, Clock, Config, ShortWindow};

static MILLIS: AtomicU32 = AtomicU32::new(0);

struct Millis;

impl Clock for Millis {
    fn now(&self) -> u32 {
        MILLIS.load(Ordering::Relaxed)
    }
}

#[cfg(not(feature = "full"))]
static SENSOR: Breaker<ShortWindow, Millis> = Breaker::new(POLICY, ShortWindow::new(), Millis);

#[cfg(feature = "full")]
static HISTORY: microbreaker::History<4> = microbreaker::History::new();
#[cfg(feature = "full")]
static SENSOR: Breaker<ShortWindow, Millis, &microbreaker::History<4>> =
    Breaker::observed(POLICY, ShortWindow::new(), Millis, &HISTORY);

const POLICY: Config = Config::new().failures_in_window(5).last_calls(16).open_for(500);

/// Stands for a sensor's register; 0 means that the sensor did not answer.
fn read() -> Result<u32, ()> {
    match MILLIS.load(Ordering::Relaxed) {
        0 => Err(()),
        value => Ok(value),
    }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    loop {
        if SENSOR.call(read).is_err() {
            MILLIS.store(MILLIS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {}
}
