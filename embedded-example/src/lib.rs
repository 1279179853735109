//! A thermometer that keeps answering while its sensor is gone.
//!
//! It gives an off-the-shelf driver, `lm75`, a guarded bus in place of the bare one.
//! While the breaker is open, nothing reaches the bus, and the thermometer returns the
//! last good reading, marked as stale. Nothing here depends on a board: `cargo demo`
//! runs it with a simulated sensor, `boards/` on a Cortex-M3.

#![no_std]

mod policy;
mod tapped;

pub use policy::{LATE_AFTER, SensorWindow, WINDOW, policy, waits, window};
pub use tapped::TappedI2c;

use embedded_hal::i2c::I2c;
use lm75::{Error, Lm75, ic};
use microbreaker::hal::GuardedI2c;
use microbreaker::{CallError, Gate};

/// The sensor's address on the bus.
pub const SENSOR_ADDRESS: u8 = 0x48;

/// A temperature, fresh or stale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Degrees Celsius.
    pub celsius: f32,
    /// Whether the sensor did not answer; the temperature is then from the last time that
    /// it did.
    pub stale: bool,
}

/// What a [`Thermometer`] has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Calls that returned a fresh reading.
    pub readings: u32,
    /// Calls that failed on the bus.
    pub failures: u32,
    /// Calls that the breaker refused: they did not reach the bus.
    pub refused: u32,
}

impl Report {
    /// Calls that reached the bus.
    #[must_use]
    pub const fn made(&self) -> u32 {
        self.readings + self.failures
    }
}

/// A temperature sensor on a guarded bus, and its last reading.
pub struct Thermometer<I, B> {
    sensor: Lm75<GuardedI2c<I, B>, ic::Pct2075>,
    last: Option<f32>,
    report: Report,
}

impl<I: I2c, B: Gate> Thermometer<I, B> {
    /// The sensor on `bus`, guarded by `breaker`.
    pub fn new(bus: I, breaker: B) -> Self {
        let sensor = Lm75::new_pct2075(GuardedI2c::new(bus, breaker), SENSOR_ADDRESS);
        Self { sensor, last: None, report: Report::default() }
    }

    /// Reads the temperature. The reading is stale if the sensor does not answer or the
    /// breaker refuses the call; `None` if the sensor has never answered.
    pub fn read(&mut self) -> Option<Reading> {
        match self.sensor.read_temperature() {
            Ok(celsius) => {
                self.report.readings += 1;
                self.last = Some(celsius);
                return Some(Reading { celsius, stale: false });
            }
            Err(Error::I2C(CallError::Rejected(_))) => self.report.refused += 1,
            Err(_) => self.report.failures += 1,
        }
        self.last.map(|celsius| Reading { celsius, stale: true })
    }

    /// What it has done so far.
    pub const fn report(&self) -> Report {
        self.report
    }
}
