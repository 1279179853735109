//! Firmware that guards a sensor with a breaker in a `static`: calls, futures, a bus and a
//! stream.

#![no_std]
#![no_main]

#[cfg(feature = "full")]
mod guards;

use core::panic::PanicInfo;
use core::pin::pin;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Waker};

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

/// Stands for an executor.
fn poll(future: impl Future) {
    let _ = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
}

#[cortex_m_rt::entry]
fn main() -> ! {
    loop {
        poll(SENSOR.call_async(async { read() }));
        #[cfg(feature = "full")]
        poll(guards::read());
        if SENSOR.call(read).is_err() {
            MILLIS.store(MILLIS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {}
}
