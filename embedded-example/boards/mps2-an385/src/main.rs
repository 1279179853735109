//! The guarded thermometer on Arm's MPS2 board (AN385: a Cortex-M3).
//!
//! A digit on the UART starts a round: an exchange on the link, that many readings, and
//! a report. `h` makes the jig hold the sensor's bus before each transaction, `l` makes
//! it stop, and `q` ends the run. So the program at the other end of the UART decides
//! what happens in each round, and the log is the same every time.

#![no_std]
#![no_main]

mod jig;
mod link;

use core::cell::Cell;

use cortex_m_rt::{entry, exception};
use defmt::{error, info};
use embedded_example::{Reading, SensorWindow, TappedI2c, Thermometer, policy, waits, window};
use microbreaker::{Breaker, Config, Counters, History, Phase, Transition, clock::ManualClock};
use mps2_an385::register::Register;
use mps2_an385::ticks;
use mps2_an385::two_wire::TwoWire;
use mps2_an385::uart::Uart;
use semihosting::process;
use serde::Serialize;

use jig::Jig;

/// The pause before a round's readings, in ticks.
const PAUSE: u32 = 20;

// SAFETY: AN385 has the LEDs of the board here.
const LEDS: Register = unsafe { Register::at(0x4002_8000) };

/// The clock of every breaker: SysTick advances it each millisecond.
static MILLIS: ManualClock = ManualClock::new(0);

/// A breaker that counts, remembers its last transitions, and has its configuration in
/// flash.
type BoardBreaker<W> = Breaker<W, &'static ManualClock, (Counters, History<4>), &'static Config>;

/// Guards the sensor's bus. The SysTick handler shows its phase on the lamp.
static SENSOR: BoardBreaker<SensorWindow> =
    Breaker::in_flash(&SENSOR_POLICY, window(), &MILLIS, (Counters::new(), History::new()));

/// Guards the link: acquired in `main`, finished in the link's interrupt.
static LINK: BoardBreaker<()> =
    Breaker::in_flash(&LINK_POLICY, (), &MILLIS, (Counters::new(), History::new()));

/// In a fleet, every board would have a seed of its own.
const SENSOR_POLICY: Config = policy(1);

const LINK_POLICY: Config = Config::new().consecutive_failures(2).open_for(100);

/// What has happened so far.
#[derive(Serialize)]
struct Report {
    /// The phase of the sensor's breaker.
    phase: &'static str,
    transitions: u32,
    /// Failures in its window.
    recent_failures: u32,
    /// The length of its last opening.
    wait: Option<u32>,
    celsius: Option<f32>,
    stale: bool,
    /// Calls made, those of them that failed, and calls refused.
    made: u32,
    failed: u32,
    refused: u32,
    /// Transactions that the I2C bus saw.
    transactions: u32,
    /// Whether the lamp is lit, because the sensor's breaker is not closed.
    lamp: bool,
    /// The phase of the link's breaker.
    link_phase: &'static str,
    link_answers: u32,
}

#[entry]
fn main() -> ! {
    let Some(mut core) = cortex_m::Peripherals::take() else { unreachable!() };
    ticks::start(&mut core.SYST, 1_000);
    link::enable();

    let transactions = Cell::new(0);
    let jig = Jig::default();
    let bus = TappedI2c::new(TwoWire::new(), || {
        transactions.set(transactions.get() + 1);
        jig.tap();
    });
    let mut thermometer = Thermometer::new(bus, &SENSOR);
    let mut uart = Uart::new();
    let mut log = Log::default();
    let mut frame = link::Frame::default();
    info!("started");

    loop {
        let readings = match uart.receive() {
            digit @ b'1'..=b'9' => digit - b'0',
            key @ (b'h' | b'l') => {
                jig.hold(key == b'h');
                continue;
            }
            b'q' => break,
            _ => continue,
        };
        frame = frame.map(|byte| byte.wrapping_add(0x35));
        if let Err(rejected) = link::start(frame) {
            error!("link: {}", rejected);
        }
        pause(PAUSE);
        let mut reading = None;
        for _ in 0..readings {
            reading = thermometer.read();
            log.sensor(reading);
        }
        let done = thermometer.report();
        uart.send(&Report {
            phase: SENSOR.phase().name(),
            transitions: log.transitions,
            recent_failures: SENSOR.tally().failed,
            wait: log.wait,
            celsius: reading.map(|reading| reading.celsius),
            stale: reading.is_some_and(|reading| reading.stale),
            made: done.made(),
            failed: done.failures,
            refused: done.refused,
            transactions: transactions.get(),
            lamp: LEDS.read() & 1 != 0,
            link_phase: LINK.phase().name(),
            link_answers: LINK.observer().0.counts().successes,
        });
    }

    let sensor = SENSOR.observer().0.counts();
    let link = LINK.observer().0.counts();
    info!("sensor: {} calls failed, {} transitions", sensor.failures, sensor.transitions);
    info!("link: {} calls failed, {} transitions", link.failures, link.transitions);
    process::exit(0)
}

/// Logs what has changed since the last reading.
#[derive(Default)]
struct Log {
    reading: Option<Reading>,
    transitions: u32,
    recent_failures: u32,
    wait: Option<u32>,
}

impl Log {
    fn sensor(&mut self, reading: Option<Reading>) {
        let (counters, history) = SENSOR.observer();
        let transitions = counters.counts().transitions;
        let unseen = (transitions - self.transitions) as usize;
        self.transitions = transitions;
        let history = history.snapshot();
        for transition in &history[history.len() - unseen..] {
            self.transition(transition);
        }
        if SENSOR.phase() == Phase::Closed {
            self.window();
        }
        if reading != self.reading {
            self.reading = reading;
            match reading {
                Some(Reading { celsius, stale: false }) => info!("reading: {}", celsius),
                Some(Reading { celsius, stale: true }) => info!("reading: {}, stale", celsius),
                None => info!("no reading"),
            }
        }
    }

    /// For an opening, logs the bounds on its length, not the length: the jitter depends
    /// on the tick.
    fn transition(&mut self, transition: &Transition) {
        info!("sensor: {} -> {}, {}", transition.from, transition.to, transition.cause);
        if transition.to != Phase::Open {
            return;
        }
        // As long as no interrupt advances the clock, the time passed and the time left
        // add up to the length.
        let opening = critical_section::with(|_| SENSOR.snapshot());
        self.wait = opening.retry_after.map(|left| opening.in_phase_for + left);
        let (level, expected) = (opening.backoff_level, waits(opening.backoff_level));
        let (least, most) = (expected.start(), expected.end());
        if self.wait.is_some_and(|wait| expected.contains(&wait)) {
            info!("sensor: backoff level {}, open for {} to {} ms", level, least, most);
        } else {
            error!("sensor: open for {}, not {} to {} ms", self.wait, least, most);
        }
    }

    /// Logs a rise, and when the window has forgotten all failures, but no step in
    /// between: failures may leave it one by one or together.
    fn window(&mut self) {
        let failures = SENSOR.tally().failed;
        if failures > self.recent_failures || failures == 0 && self.recent_failures > 0 {
            info!("sensor: failures within a second: {}", failures);
        }
        self.recent_failures = failures;
    }
}

fn pause(ticks: u32) {
    ticks::pause(&MILLIS, ticks);
}

/// Advances the clock, and lights the lamp unless the sensor's breaker is closed.
#[exception]
fn SysTick() {
    MILLIS.advance(1);
    LEDS.write(u32::from(SENSOR.phase() != Phase::Closed));
}

/// Handles every interrupt: no peripheral access crate of this board names them.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    match number {
        link::INTERRUPT => link::interrupt(),
        other => panic!("interrupt {other} has no handler"),
    }
}
