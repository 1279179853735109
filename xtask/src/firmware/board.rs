//! The emulated board, and what can be done to it from outside.

use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::log;
use super::qmp::Qmp;
use super::socket::{Listener, Socket};
use crate::cores::QEMU_ARM;

/// A run takes seconds; one that takes this long has failed.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// An address that the firmware never uses.
const NOWHERE: u8 = 0x7f;

/// A sensor on the board's bus.
#[derive(Clone, Copy)]
pub(super) struct Sensor {
    pub(super) id: &'static str,
    pub(super) address: u8,
}

/// The first sensor on the bus.
pub(super) const SENSOR: Sensor = Sensor { id: "sensor", address: 0x48 };

/// A QEMU process, killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Fails if it has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The board's Ethernet port.
const ETHERNET: &str = "ethernet";

/// The board, its sensors, and the other ends of its cables.
pub(super) struct Board {
    process: Process,
    deadline: Instant,
    qmp: Qmp,
    uart: Socket,
    ethernet: Socket,
    log: JoinHandle<anyhow::Result<String>>,
}

impl Board {
    /// Loads the firmware, without starting it. Prints its log if `shows_log`.
    pub(super) fn boot(elf: &Path, sensors: &[Sensor], shows_log: bool) -> anyhow::Result<Self> {
        let deadline = Instant::now() + TIME_LIMIT;
        let [qmp, uart, ethernet] = [Listener::new()?, Listener::new()?, Listener::new()?];
        let devices: Vec<_> = sensors
            .iter()
            .map(|sensor| format!("tmp105,id={},address={}", sensor.id, sensor.address))
            .collect();
        let (qmp_device, uart_device) = (qmp.chardev("qmp")?, uart.chardev("uart")?);
        let mut machine = vec!["-machine", "mps2-an385", "-S"];
        machine.extend(devices.iter().flat_map(|device| ["-device", device]));
        machine.extend(["-chardev", &qmp_device, "-mon", "chardev=qmp,mode=control"]);
        machine.extend(["-chardev", &uart_device, "-serial", "chardev:uart"]);
        let nic = ethernet.nic(ETHERNET)?;
        machine.extend(["-nic", &nic]);
        let mut process = Process(QEMU_ARM.start(&machine, elf)?);
        let frames = process.0.stdout.take().context("QEMU has no output")?;
        let log = log::follow(elf, frames, shows_log)?;
        let qmp = Qmp::new(qmp.accept(&mut process.0, deadline)?)?;
        let uart = uart.accept(&mut process.0, deadline)?;
        let ethernet = ethernet.accept(&mut process.0, deadline)?;
        Ok(Self { process, deadline, qmp, uart, ethernet, log })
    }

    /// Starts the firmware.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        self.qmp.execute("cont", &json!({}))
    }

    /// Sets the temperature that a sensor measures.
    pub(super) fn set_celsius(&mut self, sensor: Sensor, celsius: f64) -> anyhow::Result<()> {
        self.qmp.set(sensor.id, "temperature", json!((celsius * 1000.0) as i32))
    }

    /// Pulls a sensor out: nothing acknowledges its address any more.
    pub(super) fn unplug(&mut self, sensor: Sensor) -> anyhow::Result<()> {
        self.qmp.set(sensor.id, "realized", json!(false))?;
        self.qmp.set(sensor.id, "address", json!(NOWHERE))
    }

    /// Plugs a sensor in, which resets it.
    pub(super) fn plug_in(&mut self, sensor: Sensor) -> anyhow::Result<()> {
        self.qmp.set(sensor.id, "address", json!(sensor.address))?;
        self.qmp.set(sensor.id, "realized", json!(true))
    }

    /// Cuts or restores the link of the Ethernet port.
    pub(super) fn link(&mut self, up: bool) -> anyhow::Result<()> {
        self.qmp.execute("set_link", &json!({ "name": ETHERNET, "up": up }))
    }

    /// The other end of the Ethernet port's cable.
    pub(super) fn ethernet(&self) -> anyhow::Result<TcpStream> {
        self.ethernet.stream()
    }

    /// Sends a command of one byte to the firmware.
    pub(super) fn press(&mut self, key: u8) -> anyhow::Result<()> {
        self.uart.send(&[key])
    }

    /// Has the firmware take `readings` readings, up to 9, and returns its report.
    pub(super) fn round<R: DeserializeOwned>(&mut self, readings: u32) -> anyhow::Result<R> {
        self.uart.send(readings.to_string().as_bytes())?;
        self.message()
    }

    /// Returns the next message of the firmware.
    pub(super) fn message<R: DeserializeOwned>(&mut self) -> anyhow::Result<R> {
        let line = self.uart.line()?;
        serde_json::from_str(&line).with_context(|| format!("not what was expected: {line}"))
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
