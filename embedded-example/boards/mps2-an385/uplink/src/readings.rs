//! The readings that the collector has not acknowledged yet.

use heapless::{Deque, Vec};

use crate::network::MOST_BYTES;

/// How many are kept.
const KEPT: usize = 256;

/// The bytes of a reading on the wire.
const BYTES: usize = 6;

/// A temperature, and its number: the collector sees by it what is missing, and what is
/// sent again.
struct Reading {
    number: u32,
    /// In 256ths of a degree.
    temperature: i16,
}

/// Readings, the oldest first.
pub(crate) struct Readings {
    kept: Deque<Reading, KEPT>,
    /// The number of the next reading.
    next: u32,
    /// Those that gave way to newer ones before they were acknowledged.
    lost: u32,
}

impl Readings {
    pub(crate) const fn new() -> Self {
        Self { kept: Deque::new(), next: 0, lost: 0 }
    }

    /// Adds a reading. If there is no room, the oldest one gives way.
    pub(crate) fn push(&mut self, temperature: i16) {
        if self.kept.is_full() {
            self.kept.pop_front();
            self.lost += 1;
        }
        let reading = Reading { number: self.next, temperature };
        let Ok(()) = self.kept.push_back(reading) else { unreachable!("there is room") };
        self.next += 1;
    }

    /// The oldest readings, as many as fit into a message.
    pub(crate) fn message(&self) -> Vec<u8, MOST_BYTES> {
        let oldest = self.kept.iter().take(MOST_BYTES / BYTES);
        let number_and_temperature = oldest.flat_map(|reading| {
            let number = reading.number.to_be_bytes();
            number.into_iter().chain(reading.temperature.to_be_bytes())
        });
        number_and_temperature.collect()
    }

    /// Forgets the readings before `next`, which the collector has.
    pub(crate) fn acknowledge(&mut self, next: u32) {
        while self.kept.front().is_some_and(|reading| reading.number < next) {
            self.kept.pop_front();
        }
    }

    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    pub(crate) const fn taken(&self) -> u32 {
        self.next
    }

    pub(crate) const fn lost(&self) -> u32 {
        self.lost
    }
}
