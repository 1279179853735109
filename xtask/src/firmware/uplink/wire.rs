//! The other end of the board's Ethernet cable.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// The longest frame, without its checksum.
const LONGEST_FRAME: usize = 1_514;

/// QEMU sends each frame with its length before it, and takes them so.
pub(super) struct Wire {
    stream: TcpStream,
    bytes: Vec<u8>,
    received: VecDeque<Vec<u8>>,
    frames: usize,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, bytes: Vec::new(), received: VecDeque::new(), frames: 0 })
    }

    /// Takes in the frames that the board has sent.
    pub(super) fn fill(&mut self) -> anyhow::Result<()> {
        match self.stream.read_to_end(&mut self.bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        while let Some((length, rest)) = self.bytes.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            let Some(frame) = rest.get(..length) else { break };
            self.received.push_back(frame.into());
            self.frames += 1;
            self.bytes.drain(..size_of::<u32>() + length);
        }
        Ok(())
    }

    /// How many frames the board has sent.
    pub(super) const fn frames(&self) -> usize {
        self.frames
    }
}

pub(super) struct Received(Vec<u8>);

pub(super) struct Leave<'a>(&'a mut TcpStream);

impl phy::Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = Leave<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Leave<'_>)> {
        Some((Received(self.received.pop_front()?), Leave(&mut self.stream)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leave<'_>> {
        Some(Leave(&mut self.stream))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = LONGEST_FRAME;
        capabilities
    }
}

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl phy::TxToken for Leave<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut bytes = (length as u32).to_be_bytes().to_vec();
        bytes.resize(size_of::<u32>() + length, 0);
        let result = write(&mut bytes[size_of::<u32>()..]);
        // It fails once QEMU has ended; a frame may be lost on any network.
        let _ = self.0.write_all(&bytes);
        result
    }
}
