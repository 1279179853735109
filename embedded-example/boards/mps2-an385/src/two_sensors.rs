//! What the application with two sensors is under any executor: what it reports to the host,
//! and why a transaction may fail.

use core::mem;

use defmt::info;
use embedded_hal::i2c::{Error, ErrorKind};
use microbreaker::{CallError, Phase};
use serde::Serialize;

use crate::hanging::HangingI2c;

/// What a sensor's task has done so far.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Report {
    phase: &'static str,
    /// The last reading.
    celsius: Option<f32>,
    /// Calls made, those of them that failed, and calls refused.
    made: u32,
    failed: u32,
    refused: u32,
}

impl Report {
    /// Adds a guarded reading.
    pub fn add<E>(&mut self, reading: Result<f32, CallError<E>>) {
        match reading {
            Ok(celsius) => {
                self.celsius = Some(celsius);
                self.made += 1;
            }
            Err(CallError::Failed(_)) => {
                self.failed += 1;
                self.made += 1;
            }
            Err(CallError::Rejected(_)) => self.refused += 1,
        }
    }

    /// The report at the end of a round, when the breaker is in `phase`.
    pub const fn end(&mut self, phase: Phase) -> Self {
        self.phase = phase.name();
        *self
    }
}

/// What has happened so far.
#[derive(Default, Serialize)]
pub struct Round {
    sensors: [Report; 2],
    /// Transactions that the bus saw.
    transactions: u32,
}

impl Round {
    /// Takes in the reports of the sensors of these names, and logs the readings that have
    /// changed.
    pub fn end(&mut self, names: [&str; 2], reports: [Report; 2]) {
        let last = mem::replace(&mut self.sensors, reports);
        for ((name, now), last) in names.into_iter().zip(reports).zip(last) {
            if let Some(celsius) = now.celsius
                && now.celsius != last.celsius
            {
                info!("{}: {} degrees", name, celsius);
            }
        }
        self.transactions = HangingI2c::transactions();
    }
}

/// Why a transaction with a time limit failed.
#[derive(Debug)]
pub enum Fault<E> {
    /// It took longer than the limit.
    Late,
    Bus(E),
}

impl<E: Error> Error for Fault<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Late => ErrorKind::Other,
            Self::Bus(error) => error.kind(),
        }
    }
}
