//! `cargo demo`: the thermometer on a host, while its sensor is unplugged, plugged in
//! again and overloaded. Every run prints the same: the script is fixed, and so is the
//! clock.

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal, Write};
use std::thread::sleep;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use embedded_example::{
    LATE_AFTER, Reading, Report, SENSOR_ADDRESS, TappedI2c, Thermometer, policy, window,
};
use embedded_hal::i2c::{ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation};
use microbreaker::{Breaker, Clock, Observer, Phase, Tally, Transition, clock::ManualClock};

/// The time between two readings, in ticks of a millisecond.
const PERIOD: u32 = 100;

/// How long a busy sensor stretches the clock, in ticks.
const STRETCH: u32 = 40;

/// In a fleet, every thermometer would have a seed of its own.
const SEED: u32 = 7;

/// The acts: a heading, the state of the sensor, and the number of readings.
const SCRIPT: [(&str, Sensor, u32); 9] = [
    ("The sensor answers: every call is made.", Sensor::At(21.5), 4),
    (
        "It is unplugged: after three failures the bus is left alone, longer each time.",
        Sensor::Unplugged,
        14,
    ),
    ("It is plugged in: two probes must succeed.", Sensor::At(22.0), 10),
    ("A loose contact: two failures are not three.", Sensor::Unplugged, 2),
    ("It answers: a second later both are forgotten.", Sensor::At(22.5), 10),
    ("A loose contact again: two, not four.", Sensor::Unplugged, 2),
    ("It answers.", Sensor::At(22.5), 3),
    (
        "It is busy and answers late: no call fails, but with half of them late it trips.",
        Sensor::Busy(23.0),
        12,
    ),
    ("It answers in time.", Sensor::At(23.5), 5),
];

#[derive(Clone, Copy)]
enum Sensor {
    Unplugged,
    At(f32),
    Busy(f32),
}

/// A simulated bus with one sensor, which may be missing or late.
struct SimulatedBus<'a> {
    sensor: &'a Cell<Sensor>,
    clock: &'a ManualClock,
}

impl ErrorType for SimulatedBus<'_> {
    type Error = ErrorKind;
}

impl I2c for SimulatedBus<'_> {
    fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), ErrorKind> {
        let celsius = match self.sensor.get() {
            Sensor::Unplugged => {
                return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
            }
            Sensor::At(celsius) => celsius,
            Sensor::Busy(celsius) => {
                self.clock.advance(STRETCH);
                celsius
            }
        };
        assert_eq!(address, SENSOR_ADDRESS);
        for operation in operations {
            if let Operation::Read(buffer) = operation {
                // The register counts eighths of a degree, left-aligned.
                buffer.copy_from_slice(&(((celsius * 8.0) as i16) << 5).to_be_bytes());
            }
        }
        Ok(())
    }
}

/// Holds the transitions until they are printed.
#[derive(Default)]
struct Transitions(RefCell<Vec<Transition>>);

impl Observer for Transitions {
    fn transition(&self, transition: &Transition) {
        self.0.borrow_mut().push(*transition);
    }
}

/// How the call for a reading ended.
enum Call {
    Answered,
    Late,
    Failed,
    Refused,
}

impl Call {
    fn between(before: Report, after: Report, took: u32) -> Self {
        if after.refused > before.refused {
            Self::Refused
        } else if after.failures > before.failures {
            Self::Failed
        } else if took > LATE_AFTER {
            Self::Late
        } else {
            Self::Answered
        }
    }

    fn colored(&self) -> String {
        match self {
            Self::Answered => painted(AnsiColor::Green, "answered"),
            Self::Late => painted(AnsiColor::Magenta, "late    "),
            Self::Failed => painted(AnsiColor::Red, "failed  "),
            Self::Refused => painted(AnsiColor::Yellow, "refused "),
        }
    }

    /// For a call that counts against the sensor: how many in the window do.
    fn share(&self, Tally { calls, failed, slow, .. }: Tally) -> Option<String> {
        match self {
            Self::Failed => Some(format!("{failed} of {calls} failed")),
            Self::Late => Some(format!("{slow} of {calls} late")),
            Self::Answered | Self::Refused => None,
        }
    }
}

fn formatted(reading: Option<Reading>) -> String {
    match reading {
        None => "none".into(),
        Some(Reading { celsius, stale: false }) => format!("{celsius:.1} °C"),
        Some(Reading { celsius, stale: true }) => format!("{celsius:.1} °C (stale)"),
    }
}

fn phase(phase: Phase) -> String {
    let color = match phase {
        Phase::Closed => AnsiColor::Green,
        Phase::Open => AnsiColor::Red,
        _ => AnsiColor::Yellow,
    };
    painted(color, phase.name())
}

fn painted(color: AnsiColor, text: &str) -> String {
    styled(Style::new().fg_color(Some(color.into())), text)
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

fn main() -> io::Result<()> {
    let live = io::stdout().is_terminal();
    let pace = Duration::from_millis(if live { PERIOD.into() } else { 0 });
    // Drops the styling if the output is not a terminal that shows it.
    let mut out = anstream::stdout();

    let sensor = Cell::new(Sensor::Unplugged);
    let transactions = Cell::new(0);
    let clock = ManualClock::new(0);
    let breaker = Breaker::observed(policy(SEED), window(), &clock, Transitions::default());
    let bus = TappedI2c::new(SimulatedBus { sensor: &sensor, clock: &clock }, || {
        transactions.set(transactions.get() + 1);
    });
    let mut thermometer = Thermometer::new(bus, &breaker);

    writeln!(
        out,
        "A thermometer behind a circuit breaker. It opens at three failures within a second, or\n\
         when half of a second's readings are late (over {LATE_AFTER} ms): for 200 ms, twice as long\n\
         after each failed probe, up to 800 ms, and up to a fifth longer at random. It closes\n\
         after two good probes. A reading is taken every {PERIOD} ms.\n"
    )?;
    for (act, state, readings) in SCRIPT {
        sensor.set(state);
        writeln!(out, "{}", styled(Style::new().bold(), act))?;
        for _ in 0..readings {
            let start = clock.now();
            let watched = breaker.phase() == Phase::Closed;
            let before = thermometer.report();
            let reading = thermometer.read();
            let call = Call::between(before, thermometer.report(), clock.now() - start);
            write!(out, "{start:6} ms   {}   {}", call.colored(), formatted(reading))?;
            if let Some(share) = call.share(breaker.tally()).filter(|_| watched) {
                write!(out, "   {share}")?;
            }
            for (i, Transition { from, to, .. }) in breaker.observer().0.take().iter().enumerate() {
                if i == 0 {
                    write!(out, "   {}", phase(*from))?;
                }
                write!(out, " -> {}", phase(*to))?;
            }
            let snapshot = breaker.snapshot();
            match snapshot.retry_after {
                Some(ticks) if snapshot.in_phase_for == 0 => writeln!(out, " for {ticks} ms")?,
                _ => writeln!(out)?,
            }
            sleep(pace);
            clock.set(start + PERIOD);
        }
        writeln!(out)?;
    }

    let report = thermometer.report();
    writeln!(
        out,
        "{} readings: {} calls made, {} of them failed, and {} refused.\n\
         The bus saw {} transactions.",
        report.made() + report.refused,
        report.made(),
        report.failures,
        report.refused,
        transactions.get(),
    )
}
