//! The script: what happens to the sensor, and what the firmware must report.
//!
//! The firmware waits for a command before each round, so the sensor always changes
//! between two rounds. How many rounds pass during an opening depends on the host's
//! speed; the order of events does not. So the script checks the order, and the length
//! of each opening by the firmware's own clock.

use anyhow::{bail, ensure};
use serde::Deserialize;

use super::board::{Board, SENSOR};

/// Readings in a round: more than it takes to trip, so that one report shows both the
/// trip and the first refusal.
const BURST: u32 = 4;
const FAILURES_TO_TRIP: u32 = 3;

/// For each outage: how many probes fail, and the temperature after it.
const OUTAGES: [(usize, f64); 3] = [(3, 48.0), (1, -12.5), (2, 0.5)];
/// The temperature before the outages; the sensor starts with a resolution of half a
/// degree.
const CELSIUS: f64 = 21.5;

/// The shortest opening in ticks, by backoff level.
const WAITS: [u32; 4] = [200, 400, 800, 800];
/// How much longer jitter may make an opening.
const JITTER_PERCENT: u32 = 20;

/// A report that the firmware sent over its UART; the firmware documents the fields.
#[derive(Clone, Debug, Default, Deserialize)]
struct Report {
    phase: String,
    transitions: u32,
    recent_failures: u32,
    wait: Option<u32>,
    celsius: Option<f64>,
    stale: bool,
    made: u32,
    failed: u32,
    refused: u32,
    transactions: u32,
    lamp: bool,
    link_phase: String,
    link_answers: u32,
}

pub(super) fn tell(board: &mut Board) -> anyhow::Result<String> {
    let mut story = Story { board, last: Report::default() };
    let mut celsius = CELSIUS;
    story.board.set_celsius(SENSOR, celsius)?;
    story.board.start()?;
    story.healthy(celsius)?;
    for (probes, next) in OUTAGES {
        story.outage(celsius, probes)?;
        story.recovery(next)?;
        celsius = next;
    }
    println!("Three outages and recoveries; no transaction while the breaker was open.");
    story.loose_contact(celsius)?;
    story.loose_contact(celsius)?;
    println!("Four failures, never three within a second: the breaker stayed closed.");
    story.late_answers(celsius)?;
    println!("Tripped and recovered without a single failure.");
    Ok("three outages, a loose contact and late answers".into())
}

struct Story<'a> {
    board: &'a mut Board,
    last: Report,
}

/// A report, and how much each of its counts has grown since the previous one.
struct Round {
    report: Report,
    made: u32,
    failed: u32,
    refused: u32,
    transitions: u32,
}

impl Story<'_> {
    /// Runs a round, and checks what must hold in every round.
    fn round(&mut self, readings: u32) -> anyhow::Result<Round> {
        let report: Report = self.board.round(readings)?;
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
            "the bus saw a different number of transactions than the breaker permitted: {report:?}"
        );
        ensure!(
            report.link_phase == "closed" && report.link_answers == last.link_answers + 1,
            "the sensor affects the link: {report:?}"
        );
        Ok(round)
    }

    /// With the sensor present, every call is made and succeeds.
    fn healthy(&mut self, celsius: f64) -> anyhow::Result<()> {
        println!("The sensor is present, at {celsius} degrees.");
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

    /// Closed to open, then `probes` times to half-open and back to open, longer each time.
    fn outage(&mut self, celsius: f64, probes: usize) -> anyhow::Result<()> {
        println!("The sensor is pulled out.");
        self.board.unplug(SENSOR)?;
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

    /// Open to half-open to closed.
    fn recovery(&mut self, celsius: f64) -> anyhow::Result<()> {
        println!("The sensor is plugged in.");
        self.plug_in(celsius)?;
        self.good_probes()?;
        self.healthy(celsius)
    }

    /// Two failures, forgotten a second later.
    fn loose_contact(&mut self, celsius: f64) -> anyhow::Result<()> {
        println!("The sensor is pulled out for two readings.");
        self.board.unplug(SENSOR)?;
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

    /// The sensor answers too late: closed to open and back, as if it did not answer.
    fn late_answers(&mut self, celsius: f64) -> anyhow::Result<()> {
        println!("The sensor's bus is delayed.");
        self.board.press(b'h')?;
        // It trips only once half of the answers in the window are late.
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
        println!("The sensor's bus is no longer delayed.");
        self.board.press(b'l')?;
        self.good_probes()?;
        self.healthy(celsius)
    }

    fn plug_in(&mut self, celsius: f64) -> anyhow::Result<()> {
        self.board.plug_in(SENSOR)?;
        self.board.set_celsius(SENSOR, celsius)
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
        // The opening may have ended just before the last reading of a round.
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

    /// Runs rounds until a call is made, and returns that round.
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

/// Checks how long the breaker opened at backoff level `level`.
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
