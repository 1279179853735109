//! Readings sent over TCP to a collector, through a breaker.
//!
//! The breaker guards connecting and each exchange. Connecting alone proves little: a
//! collector may accept every connection and end it at once. So the permit with which a
//! connection was made is held until the connection has lasted, and the exchanges until then
//! are part of the same call.
//!
//! Meanwhile readings are kept, and sent when the uplink is back. The collector acknowledges
//! them by number: what it has not acknowledged is sent again, and what it has already it
//! drops.
//!
//! A digit on the UART starts a round of that many readings, and a report ends it; `q` ends
//! the run.

#![no_std]
#![no_main]

mod device;
mod network;
mod readings;
mod uplink;

use cortex_m_rt::{entry, exception};
use defmt::info;
use embedded_hal::i2c::I2c;
use microbreaker::CallError;
use microbreaker::clock::ManualClock;
use mps2_an385::ticks;
use mps2_an385::two_wire::TwoWire;
use mps2_an385::uart::Uart;
use semihosting::process;
use serde::Serialize;
use static_cell::ConstStaticCell;

use network::Network;
use readings::Readings;
use uplink::{UPLINK, Uplink};

/// The sensor's address.
const SENSOR: u8 = 0x48;

/// The pause before a reading, in ticks.
const PAUSE: u32 = 20;

/// SysTick advances it each millisecond.
static MILLIS: ManualClock = ManualClock::new(0);

/// What has happened so far.
#[derive(Default, Serialize)]
struct Report {
    phase: &'static str,
    /// The length of the opening, if the breaker is open, and its backoff level.
    wait: Option<u32>,
    level: u32,
    /// Deliveries made, those of them that failed, and those refused.
    made: u32,
    failed: u32,
    refused: u32,
    /// Readings taken, still kept, and given up for lack of room.
    taken: u32,
    kept: usize,
    lost: u32,
}

impl Report {
    fn add(&mut self, delivery: Result<(), CallError<network::Fault>>) {
        match delivery {
            Ok(()) => self.made += 1,
            Err(CallError::Failed(_)) => {
                self.made += 1;
                self.failed += 1;
            }
            Err(CallError::Rejected(_)) => self.refused += 1,
        }
    }

    fn end(&mut self, readings: &Readings) {
        // As long as no interrupt advances the clock, the time passed and the time left add
        // up to the length.
        let snapshot = critical_section::with(|_| UPLINK.snapshot());
        self.phase = snapshot.phase.name();
        self.wait = snapshot.retry_after.map(|left| snapshot.in_phase_for + left);
        self.level = snapshot.backoff_level;
        self.taken = readings.taken();
        self.kept = readings.kept();
        self.lost = readings.lost();
    }
}

fn measure(bus: &mut TwoWire) -> i16 {
    let mut answer = [0; 2];
    let Ok(()) = bus.write_read(SENSOR, &[0], &mut answer) else {
        panic!("the sensor does not answer");
    };
    i16::from_be_bytes(answer)
}

#[entry]
fn main() -> ! {
    let Some(mut core) = cortex_m::Peripherals::take() else { unreachable!() };
    ticks::start(&mut core.SYST, 1_000);

    static READINGS: ConstStaticCell<Readings> = ConstStaticCell::new(Readings::new());
    let readings = READINGS.take();
    let mut bus = TwoWire::new();
    let mut uart = Uart::new();
    let mut uplink = Uplink::new(Network::new());
    let mut report = Report::default();
    info!("started");
    loop {
        match uart.receive() {
            digit @ b'1'..=b'9' => {
                for _ in 0..digit - b'0' {
                    ticks::pause(&MILLIS, PAUSE);
                    readings.push(measure(&mut bus));
                    report.add(uplink.deliver(readings));
                }
                report.end(readings);
                uart.send(&report);
            }
            b'q' => process::exit(0),
            _ => {}
        }
    }
}

#[exception]
fn SysTick() {
    MILLIS.advance(1);
}
