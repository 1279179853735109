//! Connections from QEMU's devices, and lines to and from them, with a deadline.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

/// Waits for a device to connect. The host listens, not QEMU, so that the
/// operating system can choose a free port.
pub(super) struct Listener(TcpListener);

impl Listener {
    pub(super) fn new() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        // A device that never connects must not hang the run.
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// QEMU's definition of a character device `id` that connects here.
    pub(super) fn chardev(&self, id: &str) -> anyhow::Result<String> {
        let address = self.0.local_addr()?;
        Ok(format!("socket,id={id},host={},port={},server=off", address.ip(), address.port()))
    }

    /// QEMU's definition of a network interface whose cable, named `id`, ends here.
    pub(super) fn nic(&self, id: &str) -> anyhow::Result<String> {
        Ok(format!("socket,id={id},connect={}", self.0.local_addr()?))
    }

    /// Waits until `qemu` connects.
    pub(super) fn accept(self, qemu: &mut Child, deadline: Instant) -> anyhow::Result<Socket> {
        loop {
            match self.0.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    stream.set_nodelay(true)?;
                    return Ok(Socket { stream: BufReader::new(stream), deadline });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ensure!(qemu.try_wait()?.is_none(), "QEMU did not start");
                    ensure!(Instant::now() < deadline, "QEMU does not connect");
                    thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A connection to a device.
pub(super) struct Socket {
    stream: BufReader<TcpStream>,
    deadline: Instant,
}

impl Socket {
    /// The connection, for what is not lines.
    pub(super) fn stream(&self) -> anyhow::Result<TcpStream> {
        Ok(self.stream.get_ref().try_clone()?)
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream.get_mut().write_all(bytes).context("QEMU does not listen")
    }

    pub(super) fn line(&mut self) -> anyhow::Result<String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        // A timeout of zero is an error.
        self.stream.get_ref().set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => bail!("QEMU ended early"),
            Ok(_) => Ok(line),
            Err(error) => Err(error).context("no answer from QEMU in time"),
        }
    }
}
