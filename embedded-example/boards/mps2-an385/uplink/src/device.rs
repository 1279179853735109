//! The board's Ethernet controller, as smoltcp wants it.

use mps2_an385::lan9118::{Ethernet, LONGEST_FRAME};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// The controller, and a frame in each direction.
pub(crate) struct Device {
    ethernet: Ethernet,
    received: [u8; LONGEST_FRAME],
    to_send: [u8; LONGEST_FRAME],
}

impl Device {
    pub(crate) const fn new(ethernet: Ethernet) -> Self {
        Self { ethernet, received: [0; LONGEST_FRAME], to_send: [0; LONGEST_FRAME] }
    }
}

/// A frame that has been received.
pub(crate) struct Received<'a>(&'a [u8]);

/// Leave to send a frame.
pub(crate) struct Leave<'a> {
    ethernet: &'a mut Ethernet,
    frame: &'a mut [u8; LONGEST_FRAME],
}

impl phy::Device for Device {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Leave<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Leave<'_>)> {
        // Each frame may need an answer.
        if !self.ethernet.can_send() {
            return None;
        }
        let length = self.ethernet.receive(&mut self.received)?;
        let leave = Leave { ethernet: &mut self.ethernet, frame: &mut self.to_send };
        Some((Received(&self.received[..length]), leave))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leave<'_>> {
        let room = self.ethernet.can_send();
        room.then_some(Leave { ethernet: &mut self.ethernet, frame: &mut self.to_send })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = LONGEST_FRAME;
        capabilities
    }
}

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl phy::TxToken for Leave<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let frame = &mut self.frame[..length];
        let result = write(frame);
        self.ethernet.send(frame);
        result
    }
}
