//! What happens to the sensor, and what must come of it.
//!
//! The firmware waits for leave before each round, so the sensor is always
//! handled between two rounds. How many rounds an opening takes depends on the
//! machine, in which order things happen does not: only that is checked.

use anyhow::ensure;

use super::board::{Board, Report};

/// Readings in a round; more than it takes to trip, so that tripping and the
/// first refusal are seen in the same report.
const BURST: u32 = 4;
const FAILURES_TO_TRIP: u32 = 3;

/// The temperatures before, between and after the times the sensor is gone; it
/// starts with a resolution of half a degree.
const CELSIUS: [f64; 4] = [21.5, 48.0, -12.5, 0.5];

pub(super) fn tell(board: &mut Board) -> anyhow::Result<()> {
    let mut story = Story { board, last: Report::default() };
    let mut celsius = CELSIUS[0];
    story.board.set_celsius(celsius)?;
    story.board.start()?;
    story.healthy(celsius)?;
    for next in &CELSIUS[1..] {
        story.outage(celsius)?;
        story.recovery(*next)?;
        celsius = *next;
    }
    println!("Three times gone and back; no transaction while the breaker was open.");
    Ok(())
}

struct Story<'a> {
    board: &'a mut Board,
    last: Report,
}

/// A report, and by how much it counts more than the one before.
struct Round {
    report: Report,
    made: u32,
    refused: u32,
    transitions: u32,
}

impl Story<'_> {
    /// Asks for a round, and checks what is true of each.
    fn round(&mut self) -> anyhow::Result<Round> {
        let report = self.board.round()?;
        let last = std::mem::replace(&mut self.last, report.clone());
        let round = Round {
            made: report.made - last.made,
            refused: report.refused - last.refused,
            transitions: report.transitions - last.transitions,
            report,
        };
        let report = &round.report;
        ensure!(round.made + round.refused == BURST, "not a burst: {report:?}");
        ensure!(
            report.transactions == report.made,
            "the bus saw other transactions than the breaker permitted: {report:?}"
        );
        ensure!(
            report.link_phase == "closed" && report.link_answers == last.link_answers + 1,
            "the link suffers from the sensor: {report:?}"
        );
        Ok(round)
    }

    /// The sensor is there: everything is asked, and nothing is said of it.
    fn healthy(&mut self, celsius: f64) -> anyhow::Result<()> {
        println!("The sensor is there, at {celsius} degrees.");
        let Round { report, made, transitions, .. } = self.round()?;
        ensure!(
            made == BURST && transitions == 0 && report.phase == "closed" && !report.lamp,
            "not healthy: {report:?}"
        );
        ensure!(
            report.celsius == Some(celsius) && !report.stale,
            "not at {celsius} degrees: {report:?}"
        );
        Ok(())
    }

    /// Closed to open, to half-open, to open again.
    fn outage(&mut self, celsius: f64) -> anyhow::Result<()> {
        println!("The sensor is pulled out.");
        self.board.unplug()?;
        let trip = self.round()?;
        ensure!(
            trip.made == FAILURES_TO_TRIP && trip.transitions == 1 && trip.report.phase != "closed",
            "not tripped: {:?}",
            trip.report
        );
        let probe = self.while_refused()?;
        ensure!(
            probe.made == 1 && probe.transitions == 2 && probe.report.phase != "closed",
            "the probe did not open it again: {:?}",
            probe.report
        );
        ensure!(
            probe.report.celsius == Some(celsius) && probe.report.stale,
            "not the last reading, marked stale: {:?}",
            probe.report
        );
        Ok(())
    }

    /// Open to half-open, to closed.
    fn recovery(&mut self, celsius: f64) -> anyhow::Result<()> {
        println!("The sensor is plugged in.");
        self.board.plug_in()?;
        self.board.set_celsius(celsius)?;
        let before = self.last.transitions;
        let mut probes = self.while_refused()?;
        // The opening may have ended before the very last reading of a burst.
        if probes.report.phase == "half_open" {
            probes = self.round()?;
        }
        ensure!(
            probes.report.transitions == before + 2 && probes.report.phase == "closed",
            "not recovered: {:?}",
            probes.report
        );
        self.healthy(celsius)
    }

    /// Asks for rounds until a call is made; that round.
    fn while_refused(&mut self) -> anyhow::Result<Round> {
        loop {
            let round = self.round()?;
            if round.made > 0 {
                return Ok(round);
            }
            ensure!(
                round.transitions == 0 && round.report.stale && round.report.lamp,
                "not open: {:?}",
                round.report
            );
        }
    }
}
