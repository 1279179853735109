//! The board's Ethernet controller, a LAN9118 or a relative of it. Frames go through its
//! FIFOs word by word.

use crate::register::Register;

/// The longest frame, without its checksum.
pub const LONGEST_FRAME: usize = 1_514;

/// The checksum that ends a frame; the controller adds it.
const CHECKSUM: usize = 4;

const fn register(offset: usize) -> Register {
    // SAFETY: AN385 has the controller here. It has no DMA.
    unsafe { Register::at(0x4020_0000 + offset) }
}

const RECEIVED_DATA: Register = register(0x00);
const DATA_TO_SEND: Register = register(0x20);
const RECEIVED_STATUS: Register = register(0x40);
const SENT_STATUS: Register = register(0x48);
/// Reading it wakes the controller up.
const BYTE_ORDER: Register = register(0x64);
const TRANSMIT: Register = register(0x70);
const HARDWARE: Register = register(0x74);
const RECEIVE_FIFO: Register = register(0x7c);
const TRANSMIT_FIFO: Register = register(0x80);
const MAC_COMMAND: Register = register(0xa4);
const MAC_DATA: Register = register(0xa8);

const TRANSMIT_ON: u32 = 1 << 1;
const RESET: u32 = 1 << 0;
/// The bit that must be one, and 5 KB for frames to send.
const FIFO_SIZE: u32 = 1 << 20 | 5 << 16;
const RECEIVE_ERROR: u32 = 1 << 15;
const FIRST_SEGMENT: u32 = 1 << 13;
const LAST_SEGMENT: u32 = 1 << 12;

/// The MAC's own registers.
const MAC_CONTROL: u32 = 1;
const ADDRESS_HIGH: u32 = 2;
const ADDRESS_LOW: u32 = 3;

const MAC_BUSY: u32 = 1 << 31;
const MAC_RECEIVES: u32 = 1 << 2;
const MAC_TRANSMITS: u32 = 1 << 3;

/// The only user of the controller.
pub struct Ethernet;

impl Ethernet {
    /// Resets the controller, gives it this address, and switches it on.
    #[must_use]
    pub fn new([a, b, c, d, e, f]: [u8; 6]) -> Self {
        while BYTE_ORDER.read() != 0x8765_4321 {}
        HARDWARE.write(RESET);
        while HARDWARE.read() & RESET != 0 {}
        HARDWARE.write(FIFO_SIZE);
        write_mac(ADDRESS_LOW, u32::from_le_bytes([a, b, c, d]));
        write_mac(ADDRESS_HIGH, u32::from_le_bytes([e, f, 0, 0]));
        write_mac(MAC_CONTROL, MAC_RECEIVES | MAC_TRANSMITS);
        TRANSMIT.write(TRANSMIT_ON);
        Self
    }

    /// Takes a frame that has been received, if one has, and returns its length. Drops
    /// those that are damaged or too long.
    pub fn receive(&mut self, frame: &mut [u8; LONGEST_FRAME]) -> Option<usize> {
        while RECEIVE_FIFO.read() >> 16 & 0xff > 0 {
            let status = RECEIVED_STATUS.read();
            let with_checksum = (status >> 16 & 0x3fff) as usize;
            let length = with_checksum.saturating_sub(CHECKSUM);
            for at in (0..with_checksum).step_by(4) {
                let word = RECEIVED_DATA.read().to_le_bytes();
                let rest = frame.get_mut(at..length).unwrap_or_default();
                rest.iter_mut().zip(word).for_each(|(to, byte)| *to = byte);
            }
            if status & RECEIVE_ERROR == 0 && (1..=LONGEST_FRAME).contains(&length) {
                return Some(length);
            }
        }
        None
    }

    /// Whether there is room to send the longest frame.
    pub fn can_send(&mut self) -> bool {
        (TRANSMIT_FIFO.read() & 0xffff) as usize > LONGEST_FRAME + 16
    }

    /// Sends a frame, for which there must be [room](Self::can_send).
    pub fn send(&mut self, frame: &[u8]) {
        // How earlier frames fared does not matter, but the FIFO of it must not fill up.
        while TRANSMIT_FIFO.read() >> 16 & 0xff > 0 {
            SENT_STATUS.read();
        }
        let length = frame.len() as u32;
        DATA_TO_SEND.write(FIRST_SEGMENT | LAST_SEGMENT | length);
        DATA_TO_SEND.write(length);
        for chunk in frame.chunks(4) {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            DATA_TO_SEND.write(u32::from_le_bytes(word));
        }
    }
}

fn write_mac(register: u32, value: u32) {
    MAC_DATA.write(value);
    MAC_COMMAND.write(MAC_BUSY | register);
    while MAC_COMMAND.read() & MAC_BUSY != 0 {}
}
