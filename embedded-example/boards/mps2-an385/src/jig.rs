//! A test jig on the sensor's bus: it makes answers late.
//!
//! A busy sensor holds SCL low until it is ready. QEMU's is never busy, so the jig
//! does it, before a transaction instead of in the middle of one.

use core::cell::Cell;

use defmt::info;
use embedded_example::LATE_AFTER;

use crate::two_wire;

/// How long SCL is held, in ticks.
const HOLD: u32 = LATE_AFTER + 15;

#[derive(Default)]
pub(crate) struct Jig {
    holds: Cell<bool>,
}

impl Jig {
    /// Whether to hold the bus up from now on.
    pub(crate) fn hold(&self, holds: bool) {
        self.holds.set(holds);
        if holds {
            info!("jig: holds the bus up for {} ms each time", HOLD);
        } else {
            info!("jig: lets go of the bus");
        }
    }

    /// A transaction is about to start: holds it up, if told to.
    pub(crate) fn tap(&self) {
        if self.holds.get() {
            two_wire::hold_clock_low(HOLD);
        }
    }
}
