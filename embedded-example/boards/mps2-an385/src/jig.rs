//! A test jig on the sensor's bus, which makes answers late.
//!
//! A busy sensor holds SCL low until it is ready. QEMU's sensor is never busy, so the jig
//! holds SCL instead: before a transaction, not in the middle of one.

use core::cell::Cell;

use defmt::info;
use embedded_example::LATE_AFTER;
use mps2_an385::two_wire;

/// How long SCL is held, in ticks.
const HOLD: u32 = LATE_AFTER + 15;

#[derive(Default)]
pub(crate) struct Jig {
    holds_bus: Cell<bool>,
}

impl Jig {
    /// Sets whether to hold the bus before each transaction from now on.
    pub(crate) fn hold(&self, hold: bool) {
        self.holds_bus.set(hold);
        if hold {
            info!("jig: holds the bus up for {} ms each time", HOLD);
        } else {
            info!("jig: lets go of the bus");
        }
    }

    /// Called before each transaction: holds the bus, if [`hold`](Self::hold) said so.
    pub(crate) fn tap(&self) {
        if self.holds_bus.get() {
            two_wire::hold_clock_low(|| crate::pause(HOLD));
        }
    }
}
