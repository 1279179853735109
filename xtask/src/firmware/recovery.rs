//! A sensor that is brought back before it is probed: it holds SDA, needs its supply switched
//! off and on, and is gone for a while.

use anyhow::{bail, ensure};
use serde::Deserialize;

use super::board::{Board, SENSOR};

/// Readings in a round: more than it takes to trip.
const BURST: u32 = 4;
const FAILURES_TO_TRIP: u32 = 3;

/// Read as 21 degrees with the settings that the sensor powers up with.
const CELSIUS: f64 = 21.25;

/// The openings in ticks, by backoff level.
const WAITS: [u32; 4] = [200, 400, 800, 800];

/// A report; the firmware documents the fields.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Report {
    /// Not a report: the firmware switches the sensor's supply.
    supply: Option<bool>,
    phase: String,
    wait: Option<u32>,
    celsius: Option<f64>,
    made: u32,
    failed: u32,
    refused: u32,
    recoveries: u32,
    power_cycles: u32,
}

/// What it takes to bring the sensor back.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// Nothing.
    None,
    /// It does not acknowledge until its supply is switched off and on.
    Hung,
}

pub(super) fn tell(board: &mut Board) -> anyhow::Result<String> {
    board.set_celsius(SENSOR, CELSIUS)?;
    board.start()?;
    let mut story = Story { board, fault: Fault::None, last: Report::default() };
    story.healthy()?;

    // It holds SDA: the clocks of the first probe set it free.
    story.board.press(b'b')?;
    story.trip()?;
    story.good_probe()?;
    ensure!(story.last.power_cycles == 0, "its supply was switched: {:?}", story.last);

    // It hangs: the first probe switches its supply.
    story.board.unplug(SENSOR)?;
    story.fault = Fault::Hung;
    story.trip()?;
    story.good_probe()?;
    ensure!(story.last.power_cycles == 1, "its supply was not switched: {:?}", story.last);

    // It is gone: nothing helps, and each opening is longer than the one before.
    story.board.unplug(SENSOR)?;
    story.trip()?;
    for (i, wait) in WAITS.into_iter().enumerate().skip(1) {
        let probe = story.while_refused()?;
        ensure!(
            probe.failed == 1 && story.last.power_cycles == 1 + i as u32,
            "not one attempt to bring it back: {:?}",
            story.last
        );
        ensure!(
            story.last.wait.is_some_and(|left| left <= wait && left > wait / 2),
            "not open for {wait} ms: {:?}",
            story.last
        );
    }
    story.board.plug_in(SENSOR)?;
    story.board.set_celsius(SENSOR, CELSIUS)?;
    story.good_probe()?;
    let Report { recoveries, power_cycles, .. } = story.last;
    Ok(format!(
        "brought back three times; {recoveries} attempts in as many openings, {power_cycles} of them with the supply"
    ))
}

struct Story<'a> {
    board: &'a mut Board,
    fault: Fault,
    last: Report,
}

/// How much each of the counts has grown in a round.
#[derive(Debug)]
struct Round {
    made: u32,
    failed: u32,
    recoveries: u32,
}

impl Story<'_> {
    /// Runs a round, and switches the sensor's supply when the firmware asks for it.
    fn round(&mut self) -> anyhow::Result<Round> {
        let mut report: Report = self.board.round(BURST)?;
        while let Some(supply) = report.supply {
            self.switch(supply)?;
            report = self.board.message()?;
        }
        let last = std::mem::replace(&mut self.last, report.clone());
        let round = Round {
            made: report.made - last.made,
            failed: report.failed - last.failed,
            recoveries: report.recoveries - last.recoveries,
        };
        ensure!(
            round.made + report.refused - last.refused == BURST,
            "not {BURST} readings: {report:?}"
        );
        Ok(round)
    }

    fn switch(&mut self, supply: bool) -> anyhow::Result<()> {
        if supply && self.fault == Fault::Hung {
            self.fault = Fault::None;
            self.board.plug_in(SENSOR)?;
            self.board.set_celsius(SENSOR, CELSIUS)?;
        }
        self.board.press(b'k')
    }

    fn healthy(&mut self) -> anyhow::Result<()> {
        let round = self.round()?;
        ensure!(
            round.made == BURST && round.failed == 0 && self.last.phase == "closed",
            "not healthy: {:?}",
            self.last
        );
        ensure!(self.last.celsius == Some(CELSIUS), "it was not configured: {:?}", self.last);
        Ok(())
    }

    fn trip(&mut self) -> anyhow::Result<()> {
        let trip = self.round()?;
        ensure!(
            trip.made == FAILURES_TO_TRIP && trip.failed == trip.made && trip.recoveries == 0,
            "not tripped: {:?}",
            self.last
        );
        Ok(())
    }

    /// Waits for the probe, which brings the sensor back.
    fn good_probe(&mut self) -> anyhow::Result<()> {
        let probe = self.while_refused()?;
        ensure!(
            probe.failed == 0 && self.last.phase == "closed",
            "not brought back: {:?}",
            self.last
        );
        self.healthy()
    }

    /// Runs rounds until a call is made, and returns that round, whose first call was a
    /// probe.
    fn while_refused(&mut self) -> anyhow::Result<Round> {
        loop {
            let round = self.round()?;
            match round.made {
                0 if round.recoveries == 0 => {}
                0 => bail!("it was brought back without a probe: {:?}", self.last),
                _ => {
                    ensure!(round.recoveries == 1, "not one probe: {:?}", self.last);
                    return Ok(round);
                }
            }
        }
    }
}
