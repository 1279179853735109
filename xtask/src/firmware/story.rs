//! What happens to the sensor, and what must come of it.
//!
//! The firmware waits for leave before each round, so the sensor is always
//! handled between two rounds. How many rounds an opening takes depends on the
//! machine, in which order things happen does not: only that is checked, and
//! how long the firmware's own clock says that openings are.

use anyhow::{bail, ensure};

use super::board::{Board, Report};

/// Readings in a round; more than it takes to trip, so that tripping and the
/// first refusal are seen in the same report.
const BURST: u32 = 4;
const FAILURES_TO_TRIP: u32 = 3;

/// How many probes find the sensor gone in each outage, and the temperature
/// after it.
const OUTAGES: [(usize, f64); 3] = [(3, 48.0), (1, -12.5), (2, 0.5)];
/// The temperature before; the sensor starts with a resolution of half a degree.
const CELSIUS: f64 = 21.5;

/// How long an opening is at least in ticks, after so many probes in a row
/// failed, and by which part jitter may make it longer.
const WAITS: [u32; 4] = [200, 400, 800, 800];
const JITTER_PERCENT: u32 = 20;

pub(super) fn tell(board: &mut Board) -> anyhow::Result<()> {
    let mut story = Story { board, last: Report::default() };
    let mut celsius = CELSIUS;
    story.board.set_celsius(celsius)?;
    story.board.start()?;
    story.healthy(celsius)?;
    for (probes, next) in OUTAGES {
        story.outage(celsius, probes)?;
        story.recovery(next)?;
        celsius = next;
    }
    println!("Three times gone and back; no transaction while the breaker was open.");
    story.loose_contact(celsius)?;
    story.loose_contact(celsius)?;
    println!("Four failures, but never three within a second: the breaker stayed closed.");
    story.late_answers(celsius)?;
    println!("Tripped and recovered without a single failure.");
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
    failed: u32,
    refused: u32,
    transitions: u32,
}

impl Story<'_> {
    /// Asks for a round, and checks what is true of each.
    fn round(&mut self, readings: u32) -> anyhow::Result<Round> {
        let report = self.board.round(readings)?;
        let last = std::mem::replace(&mut self.last, report.clone());
        let round = Round {
            made: report.made - last.made,
            failed: report.failed - last.failed,
            refused: report.refused - last.refused,
            transitions: report.transitions - last.transitions,
            report,
        };
        let report = &round.report;
        ensure!(round.made + round.refused == readings, "not {readings} readings: {report:?}");
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
        let Round { report, made, failed, transitions, .. } = self.round(BURST)?;
        ensure!(
            made == BURST && failed == 0 && transitions == 0 && !report.lamp,
            "not healthy: {report:?}"
        );
        ensure!(
            report.phase == "closed" && report.celsius == Some(celsius) && !report.stale,
            "not at {celsius} degrees: {report:?}"
        );
        Ok(())
    }

    /// Closed to open; then `probes` times to half-open and to open again, for
    /// longer each time.
    fn outage(&mut self, celsius: f64, probes: usize) -> anyhow::Result<()> {
        println!("The sensor is pulled out.");
        self.board.unplug()?;
        let trip = self.round(BURST)?;
        ensure!(
            trip.made == FAILURES_TO_TRIP && trip.failed == trip.made && trip.transitions == 1,
            "not tripped: {:?}",
            trip.report
        );
        opened(&trip.report, 0)?;
        for level in 1..=probes {
            let probe = self.failed_probe(level)?;
            ensure!(
                probe.failed == 1 && probe.report.celsius == Some(celsius) && probe.report.stale,
                "not the last reading, marked stale: {:?}",
                probe.report
            );
        }
        Ok(())
    }

    /// Open to half-open, to closed.
    fn recovery(&mut self, celsius: f64) -> anyhow::Result<()> {
        println!("The sensor is plugged in.");
        self.plug_in(celsius)?;
        self.good_probes()?;
        self.healthy(celsius)
    }

    /// Two failures, which are forgotten a second later.
    fn loose_contact(&mut self, celsius: f64) -> anyhow::Result<()> {
        println!("The sensor is pulled out for two readings.");
        self.board.unplug()?;
        let gone = self.round(FAILURES_TO_TRIP - 1)?;
        ensure!(
            gone.failed == FAILURES_TO_TRIP - 1
                && gone.report.recent_failures == gone.failed
                && gone.transitions == 0,
            "not two failures: {:?}",
            gone.report
        );
        self.plug_in(celsius)?;
        while self.last.recent_failures > 0 {
            let back = self.round(1)?;
            ensure!(
                back.made == 1 && back.failed == 0 && back.transitions == 0,
                "not back: {:?}",
                back.report
            );
        }
        Ok(())
    }

    /// The sensor answers, but too late: closed to open and back, as if it did not.
    fn late_answers(&mut self, celsius: f64) -> anyhow::Result<()> {
        println!("The sensor's bus is held up.");
        self.board.hold_bus_up(true)?;
        // Answers in time must first be outnumbered.
        let trip = loop {
            let round = self.round(BURST)?;
            ensure!(round.failed == 0, "a late call failed: {:?}", round.report);
            if round.transitions > 0 {
                break round;
            }
        };
        opened(&trip.report, 0)?;
        let probe = self.failed_probe(1)?;
        ensure!(probe.failed == 0, "a late probe failed: {:?}", probe.report);
        println!("The sensor's bus is let go of.");
        self.board.hold_bus_up(false)?;
        self.good_probes()?;
        self.healthy(celsius)
    }

    fn plug_in(&mut self, celsius: f64) -> anyhow::Result<()> {
        self.board.plug_in()?;
        self.board.set_celsius(celsius)
    }

    /// Waits for a probe, which opens the breaker again.
    fn failed_probe(&mut self, level: usize) -> anyhow::Result<Round> {
        let probe = self.while_refused()?;
        ensure!(
            probe.made == 1 && probe.transitions == 2,
            "the probe did not open it again: {:?}",
            probe.report
        );
        opened(&probe.report, level)?;
        Ok(probe)
    }

    /// Waits for the probes, which close the breaker.
    fn good_probes(&mut self) -> anyhow::Result<()> {
        let before = self.last.transitions;
        let mut probes = self.while_refused()?;
        // The opening may have ended before the very last reading of a burst.
        if probes.report.phase == "half_open" {
            probes = self.round(BURST)?;
        }
        ensure!(
            probes.report.transitions == before + 2 && probes.report.phase == "closed",
            "not recovered: {:?}",
            probes.report
        );
        Ok(())
    }

    /// Asks for rounds until a call is made; that round.
    fn while_refused(&mut self) -> anyhow::Result<Round> {
        loop {
            let round = self.round(BURST)?;
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

/// Checks that the breaker opened for as long as it must at `level`.
fn opened(report: &Report, level: usize) -> anyhow::Result<()> {
    let least = WAITS[level.min(WAITS.len() - 1)];
    let most = least + least * JITTER_PERCENT / 100;
    match report.wait {
        Some(wait) if (least..=most).contains(&wait) && report.phase != "closed" => {
            println!("Open for {wait} ms.");
            Ok(())
        }
        _ => bail!("not open for {least} to {most} ms: {report:?}"),
    }
}
