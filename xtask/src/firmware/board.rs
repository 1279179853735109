//! The emulated board, and what can be done to it from outside.

use std::path::Path;
use std::process::Child;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde_json::json;

use super::log;
use super::qmp::Qmp;
use super::socket::{Listener, Socket};
use crate::cores::QEMU_ARM;

/// A run takes seconds; one that takes this long has failed.
const TIME_LIMIT: Duration = Duration::from_secs(120);

const SENSOR: &str = "sensor";
const SENSOR_ADDRESS: u8 = 0x48;
/// An address that the firmware never uses.
const NOWHERE: u8 = 0x7f;

/// A report that the firmware sent over its UART; the firmware documents the fields.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Report {
    pub(super) phase: String,
    pub(super) transitions: u32,
    pub(super) recent_failures: u32,
    pub(super) wait: Option<u32>,
    pub(super) celsius: Option<f64>,
    pub(super) stale: bool,
    pub(super) made: u32,
    pub(super) failed: u32,
    pub(super) refused: u32,
    pub(super) transactions: u32,
    pub(super) lamp: bool,
    pub(super) link_phase: String,
    pub(super) link_answers: u32,
}

/// A QEMU process, killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Fails if it has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The board and its sensor.
pub(super) struct Board {
    process: Process,
    deadline: Instant,
    qmp: Qmp,
    uart: Socket,
    log: JoinHandle<anyhow::Result<String>>,
}

impl Board {
    /// Loads the firmware, without starting it.
    pub(super) fn boot(elf: &Path) -> anyhow::Result<Self> {
        let deadline = Instant::now() + TIME_LIMIT;
        let (qmp, uart) = (Listener::new()?, Listener::new()?);
        let sensor = format!("tmp105,id={SENSOR},address={SENSOR_ADDRESS}");
        let (qmp_device, uart_device) = (qmp.chardev("qmp")?, uart.chardev("uart")?);
        let mut machine = vec!["-machine", "mps2-an385", "-S", "-device", &sensor];
        machine.extend(["-chardev", &qmp_device, "-mon", "chardev=qmp,mode=control"]);
        machine.extend(["-chardev", &uart_device, "-serial", "chardev:uart"]);
        let mut process = Process(QEMU_ARM.start(&machine, elf)?);
        let frames = process.0.stdout.take().context("QEMU has no output")?;
        let log = log::follow(elf, frames)?;
        let qmp = Qmp::new(qmp.accept(&mut process.0, deadline)?)?;
        let uart = uart.accept(&mut process.0, deadline)?;
        Ok(Self { process, deadline, qmp, uart, log })
    }

    /// Starts the firmware.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        self.qmp.execute("cont", &json!({}))
    }

    /// Sets the temperature that the sensor measures.
    pub(super) fn set_celsius(&mut self, celsius: f64) -> anyhow::Result<()> {
        self.qmp.set(SENSOR, "temperature", json!((celsius * 1000.0) as i32))
    }

    /// Pulls the sensor out: nothing acknowledges its address any more.
    pub(super) fn unplug(&mut self) -> anyhow::Result<()> {
        self.qmp.set(SENSOR, "realized", json!(false))?;
        self.qmp.set(SENSOR, "address", json!(NOWHERE))
    }

    /// Plugs the sensor in, which resets it.
    pub(super) fn plug_in(&mut self) -> anyhow::Result<()> {
        self.qmp.set(SENSOR, "address", json!(SENSOR_ADDRESS))?;
        self.qmp.set(SENSOR, "realized", json!(true))
    }

    /// Has the jig delay every transaction on the sensor's bus from now on, or stop doing so.
    pub(super) fn delay_bus(&mut self, delay: bool) -> anyhow::Result<()> {
        self.uart.send(if delay { b"h" } else { b"l" })
    }

    /// Has the firmware take `readings` readings, up to 9, and returns its report.
    pub(super) fn round(&mut self, readings: u32) -> anyhow::Result<Report> {
        self.uart.send(readings.to_string().as_bytes())?;
        let line = self.uart.line()?;
        serde_json::from_str(&line).with_context(|| format!("not a report: {line}"))
    }

    /// Ends the firmware, and returns its log.
    pub(super) fn finish(mut self) -> anyhow::Result<String> {
        self.uart.send(b"q")?;
        let status = loop {
            match self.process.0.try_wait()? {
                Some(status) => break status,
                None if Instant::now() > self.deadline => bail!("the firmware did not end in time"),
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let Ok(log) = self.log.join() else { bail!("the log's decoder panicked") };
        ensure!(status.success(), "the firmware failed: {status}");
        log
    }
}
