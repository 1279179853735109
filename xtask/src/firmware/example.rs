//! The examples on the emulated board: each is told a story, and its log is compared with a
//! committed file.

use std::time::Instant;

use anyhow::Context as _;
use xshell::Shell;

use super::board::{Board, SENSOR, Sensor};
use super::{BOARD, PACKAGE, recovery, story, two_sensors, uplink};
use crate::cores::M3;
use crate::expect;

/// An example, and what happens to it.
pub(super) struct Example {
    name: &'static str,
    package: &'static str,
    program: &'static str,
    sensors: &'static [Sensor],
    /// Plays the story, and returns the verdict to print.
    tell: fn(&mut Board) -> anyhow::Result<String>,
    log: &'static str,
}

/// Two of them are one application, with one log.
pub(super) const EXAMPLES: [Example; 5] = [
    Example {
        name: "thermometer",
        package: PACKAGE,
        program: PACKAGE,
        sensors: &[SENSOR],
        tell: story::tell,
        log: "expected.log",
    },
    Example {
        name: "embassy",
        package: "two-sensors-embassy",
        program: "two-sensors-embassy",
        sensors: &two_sensors::SENSORS,
        tell: two_sensors::tell,
        log: "two-sensors.log",
    },
    Example {
        name: "rtic",
        package: "two-sensors-rtic",
        program: "two-sensors-rtic",
        sensors: &two_sensors::SENSORS,
        tell: two_sensors::tell,
        log: "two-sensors.log",
    },
    Example {
        name: "recovery",
        package: PACKAGE,
        program: "recovery",
        sensors: &[SENSOR],
        tell: recovery::tell,
        log: "recovery.log",
    },
    Example {
        name: "uplink",
        package: "uplink",
        program: "uplink",
        sensors: &[SENSOR],
        tell: uplink::tell,
        log: "uplink.log",
    },
];

/// The example of this name.
pub(super) fn find(name: &str) -> anyhow::Result<&'static Example> {
    EXAMPLES.iter().find(|example| example.name == name).with_context(|| {
        let names = EXAMPLES.iter().map(|example| example.name).collect::<Vec<_>>();
        format!("there is no example {name}; there are {}", names.join(", "))
    })
}

impl Example {
    /// Runs it, and prints a line. Prints its log as well if `shows_log`.
    pub(super) fn run(&self, sh: &Shell, shows_log: bool) -> anyhow::Result<()> {
        let elf = M3.build(sh, BOARD, self.package, self.program)?;
        let start = Instant::now();
        let mut board = Board::boot(&elf, self.sensors, shows_log)?;
        let verdict = (self.tell)(&mut board)?;
        let log = board.finish()?;
        expect::same(&log, &sh.current_dir().join(BOARD).join(self.log))?;
        println!("{}, {}: {verdict} ({:.0?})", M3.title, self.name, start.elapsed());
        Ok(())
    }
}
