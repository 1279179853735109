//! A sensor that is brought back before it is probed.
//!
//! When a probe is admitted, the firmware first clocks the bus free if a target holds SDA,
//! then switches the sensor's supply off and on if the sensor does not acknowledge, and
//! configures it, because it may have lost its settings. All of that is part of the probe:
//! it happens once for each opening, and so no more often than the backoff allows.
//!
//! A digit on the UART starts a round of that many readings, and a report ends it. `b`
//! breaks off a transfer, and `q` ends the run. The program at the other end of the UART
//! also switches the supply when it is asked to, and sends a byte when that is done.

#![no_std]
#![no_main]

use cortex_m_rt::{entry, exception};
use defmt::{info, warn};
use embedded_hal::i2c::{ErrorKind, I2c};
use microbreaker::clock::ManualClock;
use microbreaker::{Breaker, CallError, Config, Outcome};
use mps2_an385::log::Log;
use mps2_an385::ticks;
use mps2_an385::two_wire::TwoWire;
use mps2_an385::uart::Uart;
use semihosting::process;
use serde::Serialize;

const ADDRESS: u8 = 0x48;

/// The register of the TMP105 with its settings, which it loses with its supply.
const SETTINGS: u8 = 1;
/// Sixteenths of a degree; it powers up with halves.
const TWELVE_BITS: u8 = 3 << 5;

/// The pause before a reading, in ticks.
const PAUSE: u32 = 5;

static MILLIS: ManualClock = ManualClock::new(0);

/// Three failures in a row, then 200 ms, and twice as long after each failed probe, up to
/// 800 ms.
static SENSOR: Breaker<(), &ManualClock, Log, &Config> =
    Breaker::in_flash(&POLICY, (), &MILLIS, Log("sensor"));

const POLICY: Config = Config::new().consecutive_failures(3).open_for(200).backoff(2, 800);

/// What has happened so far.
#[derive(Default, Serialize)]
struct Report {
    phase: &'static str,
    /// How long the breaker still refuses, if it does.
    wait: Option<u32>,
    /// The last reading.
    celsius: Option<f32>,
    /// Calls made, those of them that failed, and calls refused.
    made: u32,
    failed: u32,
    refused: u32,
    /// How often the sensor was brought back, or should have been.
    recoveries: u32,
    /// How often its supply was switched off and on.
    power_cycles: u32,
}

/// Asks for the sensor's supply to be switched.
#[derive(Serialize)]
struct Supply {
    supply: bool,
}

struct Board {
    bus: TwoWire,
    uart: Uart,
    report: Report,
}

impl Board {
    fn measure(&mut self) -> Result<f32, CallError<ErrorKind>> {
        let permit = SENSOR.try_acquire()?;
        let probe = permit.is_probe();
        let call = || {
            if probe {
                self.bring_back()?;
            }
            let mut answer = [0; 2];
            self.bus.write_read(ADDRESS, &[0], &mut answer)?;
            Ok(f32::from(i16::from_be_bytes(answer)) / 256.0)
        };
        let judge = |result: &_| match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failure,
        };
        permit.call_classified(call, judge).map_err(CallError::Failed)
    }

    fn bring_back(&mut self) -> Result<(), ErrorKind> {
        self.report.recoveries += 1;
        if !self.bus.is_free() {
            match self.bus.recover() {
                Some(clocks) => info!("recovery: SDA is free after {} clocks", clocks),
                None => warn!("recovery: SDA is held after nine clocks"),
            }
        }
        if self.bus.write(ADDRESS, &[]).is_err() {
            info!("recovery: the supply off and on");
            self.report.power_cycles += 1;
            for supply in [false, true] {
                self.uart.send(&Supply { supply });
                self.uart.receive();
            }
        }
        self.configure()
    }

    fn configure(&mut self) -> Result<(), ErrorKind> {
        self.bus.write(ADDRESS, &[SETTINGS, TWELVE_BITS])
    }

    fn round(&mut self, readings: u8) {
        for _ in 0..readings {
            ticks::pause(&MILLIS, PAUSE);
            match self.measure() {
                Ok(celsius) => {
                    if self.report.celsius != Some(celsius) {
                        info!("sensor: {} degrees", celsius);
                    }
                    self.report.celsius = Some(celsius);
                    self.report.made += 1;
                }
                Err(CallError::Failed(_)) => {
                    self.report.failed += 1;
                    self.report.made += 1;
                }
                Err(CallError::Rejected(_)) => self.report.refused += 1,
            }
        }
        let snapshot = SENSOR.snapshot();
        self.report.phase = snapshot.phase.name();
        self.report.wait = snapshot.retry_after;
        self.uart.send(&self.report);
    }
}

#[entry]
fn main() -> ! {
    let Some(mut core) = cortex_m::Peripherals::take() else { unreachable!() };
    ticks::start(&mut core.SYST, 1_000);

    let mut board = Board { bus: TwoWire::new(), uart: Uart::new(), report: Report::default() };
    if board.configure().is_err() {
        warn!("the sensor does not answer");
    }
    info!("started");
    loop {
        match board.uart.receive() {
            digit @ b'1'..=b'9' => board.round(digit - b'0'),
            b'b' => match board.bus.break_off(ADDRESS) {
                Ok(()) => info!("jig: broke off a transfer; SDA is held: {}", !board.bus.is_free()),
                Err(_) => warn!("jig: the sensor does not answer"),
            },
            b'q' => process::exit(0),
            _ => {}
        }
    }
}

#[exception]
fn SysTick() {
    MILLIS.advance(1);
}
