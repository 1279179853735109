//! An uplink whose link is cut and restored, and whose collector kicks, refuses, and answers
//! late.
//!
//! The firmware only uses its network during a round, so what happens to the link always
//! happens between two rounds.

mod collector;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure};
use serde::Deserialize;

use super::board::{Board, SENSOR};
use collector::{Collector, Manner};

/// Readings in a round.
const BURST: u32 = 4;

/// What goes wrong, and how many probes find it so.
const TROUBLES: [(Trouble, u32); 9] = [
    (Trouble::Cut, 1),
    (Trouble::Cut, 0),
    (Trouble::Collector(Manner::Refuses), 2),
    (Trouble::Cut, 2),
    (Trouble::Collector(Manner::Kicks), 2),
    (Trouble::Cut, 0),
    (Trouble::Collector(Manner::Late), 1),
    (Trouble::Cut, 1),
    (Trouble::Collector(Manner::Kicks), 0),
];

/// The shortest opening in ticks, by backoff level, and how much longer jitter may make it.
const WAITS: [u32; 3] = [400, 800, 1_600];
const JITTER_PERCENT: u32 = 20;

/// How often the collector looks for frames.
const LOOK: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// The link is cut.
    Cut,
    /// The collector misbehaves.
    Collector(Manner),
}

/// A report; the firmware documents the fields.
#[derive(Clone, Debug, Default, Deserialize)]
struct Report {
    phase: String,
    wait: Option<u32>,
    level: u32,
    made: u32,
    failed: u32,
    refused: u32,
    taken: u32,
    kept: u32,
    lost: u32,
}

pub(super) fn tell(board: &mut Board) -> anyhow::Result<String> {
    let collector = Mutex::new(Collector::new(board.ethernet()?)?);
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        let serving = scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                lock(&collector).serve()?;
                thread::sleep(LOOK);
            }
            anyhow::Ok(())
        });
        let told = Story::new(board, &collector).tell();
        ends.store(true, Ordering::Relaxed);
        let Ok(served) = serving.join() else { bail!("the collector panicked") };
        served?;
        told
    })
}

fn lock(collector: &Mutex<Collector>) -> MutexGuard<'_, Collector> {
    collector.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Story<'a> {
    board: &'a mut Board,
    collector: &'a Mutex<Collector>,
    last: Report,
    celsius: f64,
    /// What each reading must be.
    measured: Vec<f64>,
    /// Deliveries that were refused, and so could be seen to send nothing.
    silent: u32,
}

/// How much counts have grown in a round.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    made: u32,
    failed: u32,
    frames: usize,
}

impl<'a> Story<'a> {
    fn new(board: &'a mut Board, collector: &'a Mutex<Collector>) -> Self {
        let last = Report::default();
        Self { board, collector, last, celsius: 0.0, measured: Vec::new(), silent: 0 }
    }

    fn tell(mut self) -> anyhow::Result<String> {
        self.celsius(20.0)?;
        self.board.start()?;
        self.healthy()?;
        for (i, (trouble, probes)) in TROUBLES.into_iter().enumerate() {
            self.begin(trouble)?;
            self.celsius(i as f64 + 0.5)?;
            self.trip()?;
            for level in 1..=probes {
                self.failed_probe(trouble, level)?;
            }
            self.celsius(-1.0 - i as f64)?;
            self.end(trouble)?;
            self.recovery()?;
        }
        ensure!(self.silent > 0, "no delivery was refused");
        let repeated = lock(self.collector).repeated();
        ensure!(repeated > 0, "nothing was sent again");
        let cuts = TROUBLES.iter().filter(|(trouble, _)| matches!(trouble, Trouble::Cut)).count();
        Ok(format!(
            "the link cut {cuts} times, a collector that refused, kicked and was late; no frame \
             in any opening; none of {} readings lost or doubled",
            self.measured.len()
        ))
    }

    fn begin(&mut self, trouble: Trouble) -> anyhow::Result<()> {
        match trouble {
            Trouble::Cut => self.board.link(false),
            Trouble::Collector(manner) => {
                lock(self.collector).behave(manner);
                Ok(())
            }
        }
    }

    fn end(&mut self, trouble: Trouble) -> anyhow::Result<()> {
        match trouble {
            Trouble::Cut => self.board.link(true),
            Trouble::Collector(_) => {
                lock(self.collector).behave(Manner::Answers);
                Ok(())
            }
        }
    }

    fn celsius(&mut self, celsius: f64) -> anyhow::Result<()> {
        self.celsius = celsius;
        self.board.set_celsius(SENSOR, celsius)
    }

    /// Runs a round, and checks what must hold in every round.
    fn round(&mut self) -> anyhow::Result<Round> {
        let before = lock(self.collector).frames()?;
        let report: Report = self.board.round(BURST)?;
        // What the firmware sent before its report is here.
        let frames = lock(self.collector).frames()? - before;
        let last = std::mem::replace(&mut self.last, report.clone());
        self.measured.extend([self.celsius; BURST as usize]);
        let round =
            Round { made: report.made - last.made, failed: report.failed - last.failed, frames };
        let refused = report.refused - last.refused;
        ensure!(round.made + refused == BURST, "not {BURST} deliveries: {report:?}");
        ensure!(
            report.taken as usize == self.measured.len() && report.lost == 0,
            "not every reading was kept: {report:?}"
        );
        if round.made == 0 {
            ensure!(frames == 0, "{frames} frames while the breaker was open: {report:?}");
            self.silent += refused;
        }
        let collector = lock(self.collector);
        ensure!(
            self.measured.starts_with(collector.ledger()),
            "the collector did not get what was measured: {:?}",
            collector.ledger()
        );
        let unacknowledged = self.measured.len() - report.kept as usize;
        ensure!(
            collector.ledger().len() >= unacknowledged,
            "readings were forgotten that the collector does not have: {report:?}"
        );
        Ok(round)
    }

    /// Every reading arrives.
    fn healthy(&mut self) -> anyhow::Result<()> {
        let round = self.until(|last, _| last.phase == "closed" && last.kept == 0)?;
        ensure!(round.failed == 0 && round.frames > 0, "not healthy: {:?}", self.last);
        // A connection that was made a moment ago may still be proving itself.
        let stable = self.until(|_, sum| sum.made > 5 * BURST)?;
        ensure!(
            stable.failed == 0 && self.last.kept == 0 && self.last.phase == "closed",
            "not stable: {:?}",
            self.last
        );
        let arrived = lock(self.collector).ledger().len();
        ensure!(arrived == self.measured.len(), "only {arrived} arrived: {:?}", self.last);
        Ok(())
    }

    fn trip(&mut self) -> anyhow::Result<()> {
        let trip = self.until(|last, _| last.phase == "open")?;
        ensure!(trip.failed == 2, "not tripped by two failures: {trip:?}, {:?}", self.last);
        self.opened(0)
    }

    fn failed_probe(&mut self, trouble: Trouble, level: u32) -> anyhow::Result<()> {
        let mut probe = self.while_refused()?;
        if self.last.phase != "open" {
            let rest = self.until(|last, _| last.phase == "open")?;
            probe.failed += rest.failed;
            probe.frames += rest.frames;
        }
        ensure!(probe.failed == 1, "not one failed probe: {probe:?}, {:?}", self.last);
        // What the firmware sends ends where the link is cut.
        let arrive = matches!(trouble, Trouble::Collector(_));
        ensure!((probe.frames > 0) == arrive, "{trouble:?}: {} frames", probe.frames);
        self.opened(level)
    }

    fn recovery(&mut self) -> anyhow::Result<()> {
        let probe = self.while_refused()?;
        ensure!(probe.failed == 0, "the probe failed: {:?}", self.last);
        self.healthy()
    }

    /// Runs rounds until a delivery is made, and returns that round.
    fn while_refused(&mut self) -> anyhow::Result<Round> {
        loop {
            let round = self.round()?;
            if round.made > 0 {
                return Ok(round);
            }
        }
    }

    /// Runs rounds until `done`, given the last report and the sum of the rounds, which it
    /// returns.
    fn until(&mut self, done: impl Fn(&Report, Round) -> bool) -> anyhow::Result<Round> {
        let mut sum = Round::default();
        for _ in 0..100 {
            let round = self.round()?;
            sum.made += round.made;
            sum.failed += round.failed;
            sum.frames += round.frames;
            if done(&self.last, sum) {
                return Ok(sum);
            }
        }
        bail!("it does not happen: {:?}", self.last)
    }

    /// Checks how long the breaker opened at backoff level `level`.
    fn opened(&self, level: u32) -> anyhow::Result<()> {
        let least = WAITS[(level as usize).min(WAITS.len() - 1)];
        let most = least + least * JITTER_PERCENT / 100;
        let Report { wait, level: now, .. } = self.last;
        ensure!(
            now == level && wait.is_some_and(|wait| (least..=most).contains(&wait)),
            "not open for {least} to {most} ms: {:?}",
            self.last
        );
        Ok(())
    }
}
