//! `cargo demo`: the thermometer on a host, its sensor unplugged and plugged
//! in again. The script and the clock are fixed: every run prints the same.

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal, Write};
use std::thread::sleep;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use embedded_example::{CountingI2c, POLICY, Reading, Report, SENSOR_ADDRESS, Thermometer};
use embedded_hal::i2c::{ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation};
use microbreaker::{Breaker, Clock, ManualClock, Observer, Phase, Transition};

/// A reading is asked for this often, in ticks of a millisecond.
const PERIOD: u32 = 100;

/// What becomes of the sensor: how many readings are asked for in each act.
const SCRIPT: [(&str, Sensor, u32); 5] = [
    ("The sensor answers: every call is made.", Sensor::At(21.5), 4),
    ("It is unplugged: after three failures the bus is left alone.", Sensor::Unplugged, 14),
    ("It is plugged in: two probes must succeed.", Sensor::At(22.0), 8),
    ("A loose contact: two failures are not three in a row.", Sensor::Unplugged, 2),
    ("It answers again: nothing had to be opened.", Sensor::At(22.5), 3),
];

#[derive(Clone, Copy)]
enum Sensor {
    Unplugged,
    At(f32),
}

/// A bus with one sensor, which is sometimes there.
struct Bench<'a>(&'a Cell<Sensor>);

impl ErrorType for Bench<'_> {
    type Error = ErrorKind;
}

impl I2c for Bench<'_> {
    fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), ErrorKind> {
        let Sensor::At(celsius) = self.0.get() else {
            return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
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

/// Remembers the transitions until they are printed.
#[derive(Default)]
struct Heard(RefCell<Vec<Transition>>);

impl Observer for Heard {
    fn transition(&self, transition: &Transition) {
        self.0.borrow_mut().push(*transition);
    }
}

/// What became of a reading that was asked for.
enum Call {
    Answered,
    Failed,
    Refused,
}

impl Call {
    fn between(before: Report, after: Report) -> Self {
        if after.refused > before.refused {
            Self::Refused
        } else if after.failures > before.failures {
            Self::Failed
        } else {
            Self::Answered
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Answered => painted(AnsiColor::Green, "answered"),
            Self::Failed => painted(AnsiColor::Red, "failed  "),
            Self::Refused => painted(AnsiColor::Yellow, "refused "),
        }
    }
}

fn shown(reading: Option<Reading>) -> String {
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
    // Drops the styling where it would not be understood.
    let mut out = anstream::stdout();

    let sensor = Cell::new(Sensor::Unplugged);
    let transactions = Cell::new(0);
    let clock = ManualClock::new(0);
    let breaker = Breaker::observed(POLICY, (), &clock, Heard::default());
    let bus = CountingI2c::new(Bench(&sensor), &transactions);
    let mut thermometer = Thermometer::new(bus, &breaker);

    writeln!(
        out,
        "A thermometer behind a circuit breaker: three failures in a row open it for 500 ms,\n\
         then two probes must succeed. A reading is asked for every {PERIOD} ms.\n"
    )?;
    for (act, state, readings) in SCRIPT {
        sensor.set(state);
        writeln!(out, "{}", styled(Style::new().bold(), act))?;
        for _ in 0..readings {
            let before = thermometer.report();
            let reading = thermometer.read();
            let call = Call::between(before, thermometer.report());
            write!(out, "{:6} ms   {}   {}", clock.now(), call.shown(), shown(reading))?;
            for (i, Transition { from, to, .. }) in breaker.observer().0.take().iter().enumerate() {
                if i == 0 {
                    write!(out, "   {}", phase(*from))?;
                }
                write!(out, " -> {}", phase(*to))?;
            }
            writeln!(out)?;
            sleep(pace);
            clock.advance(PERIOD);
        }
        writeln!(out)?;
    }

    let report = thermometer.report();
    writeln!(
        out,
        "{} readings asked for: {} calls made, {} of them failed, {} refused.\n\
         The bus saw {} transactions.",
        report.made() + report.refused,
        report.made(),
        report.failures,
        report.refused,
        transactions.get(),
    )
}
