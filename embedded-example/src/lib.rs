//! A thermometer that keeps answering while its sensor is gone.
//!
//! An off-the-shelf driver, `lm75`, is given a guarded bus in place of the bare
//! one. While the breaker is open the bus is left alone, and the last good
//! reading is served, marked as stale. Nothing here knows a board: `cargo demo`
//! runs it against a simulated sensor, `boards/` on a Cortex-M3.

#![no_std]

mod policy;
mod tapped;

pub use policy::{LATE_AFTER, SensorWindow, WINDOW, policy, waits, window};
pub use tapped::TappedI2c;

use embedded_hal::i2c::I2c;
use lm75::{Error, Lm75, ic};
use microbreaker::hal::GuardedI2c;
use microbreaker::{CallError, Gate};

/// Where the sensor is on the bus.
pub const SENSOR_ADDRESS: u8 = 0x48;

/// A temperature, from now or from before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Degrees Celsius.
    pub celsius: f32,
    /// The sensor did not answer: this is the last time it did.
    pub stale: bool,
}

/// What a [`Thermometer`] did when it was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Calls that brought a fresh reading.
    pub readings: u32,
    /// Calls that failed on the bus.
    pub failures: u32,
    /// Calls that the breaker refused: the bus was left alone.
    pub refused: u32,
}

impl Report {
    /// Calls that reached the bus.
    #[must_use]
    pub const fn made(&self) -> u32 {
        self.readings + self.failures
    }
}

/// A temperature sensor on a guarded bus, and the last that it said.
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

    /// The temperature; stale if the sensor does not answer or may not be
    /// asked, `None` if it never answered.
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

    /// What it did so far.
    pub const fn report(&self) -> Report {
        self.report
    }
}
