//! Two sensors on one bus: one of them hangs, is pulled out and comes back, and the other
//! must not notice.

use anyhow::ensure;
use serde::Deserialize;

use super::board::{Board, SENSOR, Sensor};

/// The one that fails, and the one that must not.
pub(super) const SENSORS: [Sensor; 2] = [SENSOR, Sensor { id: "other", address: 0x49 }];

/// Readings in a round: more than it takes to trip.
const BURST: u32 = 4;
const FAILURES_TO_TRIP: u32 = 3;

const CELSIUS: [f64; 2] = [21.5, -4.5];

/// What a sensor's task has done so far; the firmware documents the fields.
#[derive(Clone, Debug, Default, Deserialize)]
struct Report {
    phase: String,
    celsius: Option<f64>,
    made: u32,
    failed: u32,
    refused: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Round {
    sensors: [Report; 2],
    transactions: u32,
}

pub(super) fn tell(board: &mut Board) -> anyhow::Result<String> {
    for (sensor, celsius) in SENSORS.into_iter().zip(CELSIUS) {
        board.set_celsius(sensor, celsius)?;
    }
    board.start()?;
    let mut story = Story { board, last: Round::default() };
    story.healthy(CELSIUS[0])?;

    story.board.press(b'h')?;
    story.outage(2)?;
    story.board.press(b'l')?;
    story.recovery(CELSIUS[0])?;

    story.board.unplug(SENSOR)?;
    story.outage(1)?;
    story.board.plug_in(SENSOR)?;
    story.board.set_celsius(SENSOR, 30.5)?;
    story.recovery(30.5)?;
    let unaffected = story.last.sensors[1].made;
    Ok(format!(
        "one sensor hung and was pulled out; {unaffected} readings of the other, none failed"
    ))
}

struct Story<'a> {
    board: &'a mut Board,
    last: Round,
}

/// How much the counts of the sensor that fails have grown in a round, and its phase.
#[derive(Debug)]
struct Made {
    made: u32,
    failed: u32,
    phase: String,
}

impl Story<'_> {
    /// Runs a round, and checks what must hold in every round.
    fn round(&mut self) -> anyhow::Result<Made> {
        let round: Round = self.board.round(BURST)?;
        let last = std::mem::replace(&mut self.last, round.clone());
        let [inside, outside] = &round.sensors;
        ensure!(
            outside.made == last.sensors[1].made + BURST
                && outside.failed == 0
                && outside.phase == "closed"
                && outside.celsius == Some(CELSIUS[1]),
            "the one sensor affects the other: {round:?}"
        );
        ensure!(
            round.transactions == inside.made + outside.made,
            "the bus saw a different number of transactions than the breakers permitted: {round:?}"
        );
        let made = inside.made - last.sensors[0].made;
        let refused = inside.refused - last.sensors[0].refused;
        ensure!(made + refused == BURST, "not {BURST} readings: {round:?}");
        let failed = inside.failed - last.sensors[0].failed;
        Ok(Made { made, failed, phase: inside.phase.clone() })
    }

    fn healthy(&mut self, celsius: f64) -> anyhow::Result<()> {
        let round = self.round()?;
        ensure!(
            round.made == BURST && round.failed == 0 && round.phase == "closed",
            "not healthy: {round:?}"
        );
        let now = self.last.sensors[0].celsius;
        ensure!(now == Some(celsius), "{now:?}, not {celsius} degrees");
        Ok(())
    }

    /// Closed to open, then `probes` times to half-open and back to open.
    fn outage(&mut self, probes: u32) -> anyhow::Result<()> {
        let trip = self.round()?;
        ensure!(
            trip.made == FAILURES_TO_TRIP && trip.failed == trip.made && trip.phase == "open",
            "not tripped: {trip:?}"
        );
        for _ in 0..probes {
            let probe = self.while_refused()?;
            ensure!(probe.made == 1 && probe.failed == 1, "not a failed probe: {probe:?}");
        }
        Ok(())
    }

    /// Open to half-open to closed.
    fn recovery(&mut self, celsius: f64) -> anyhow::Result<()> {
        let probe = self.while_refused()?;
        ensure!(probe.failed == 0 && probe.phase == "closed", "not recovered: {probe:?}");
        self.healthy(celsius)
    }

    /// Runs rounds until a call is made, and returns that round.
    fn while_refused(&mut self) -> anyhow::Result<Made> {
        loop {
            let round = self.round()?;
            if round.made > 0 {
                return Ok(round);
            }
        }
    }
}
