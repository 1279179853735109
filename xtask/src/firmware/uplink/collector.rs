//! The collector, with a TCP/IP stack of its own: no privilege is needed, and every frame
//! passes here.

use std::net::TcpStream;

use anyhow::{Context as _, ensure};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use super::wire::Wire;

const ETHERNET_ADDRESS: EthernetAddress = EthernetAddress([0x02, 0, 0, 0, 0, 0x02]);
const ADDRESS: IpAddress = IpAddress::v4(192, 168, 69, 1);
const PORT: u16 = 7_000;

/// The bytes of a reading on the wire: its number, and 256ths of a degree.
const BYTES: usize = 6;

/// What the collector does with the firmware's connections.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Manner {
    /// Acknowledges what it gets.
    Answers,
    /// Accepts no connection.
    Refuses,
    /// Ends each connection with its first answer.
    Kicks,
    /// Keeps what it gets, but answers too late for anybody to wait for it.
    Late,
}

pub(super) struct Collector {
    wire: Wire,
    interface: Interface,
    sockets: SocketSet<'static>,
    /// One is connected, or has been, while the other listens.
    handles: [SocketHandle; 2],
    connected: Option<SocketHandle>,
    manner: Manner,
    ledger: Vec<f64>,
    repeated: usize,
}

impl Collector {
    pub(super) fn new(stream: TcpStream) -> anyhow::Result<Self> {
        let mut wire = Wire::new(stream)?;
        let mut interface =
            Interface::new(Config::new(ETHERNET_ADDRESS.into()), &mut wire, Instant::now());
        let mut added = Ok(());
        interface.update_ip_addrs(|addresses| added = addresses.push(IpCidr::new(ADDRESS, 24)));
        added.ok().context("no room for an address")?;
        let mut sockets = SocketSet::new(Vec::new());
        let buffer = || SocketBuffer::new(vec![0; 4_096]);
        let handles = [(); 2].map(|()| sockets.add(Socket::new(buffer(), buffer())));
        let (connected, manner) = (None, Manner::Answers);
        Ok(Self {
            wire,
            interface,
            sockets,
            handles,
            connected,
            manner,
            ledger: Vec::new(),
            repeated: 0,
        })
    }

    /// Behaves in this manner from now on, after ending the connection that there is, if it
    /// is one that ends connections.
    pub(super) fn behave(&mut self, manner: Manner) {
        self.manner = manner;
        if matches!(manner, Manner::Refuses | Manner::Kicks) {
            for handle in self.handles {
                self.sockets.get_mut::<Socket<'_>>(handle).abort();
            }
        }
    }

    /// Handles what has come in since the last call, and sends what is due.
    pub(super) fn serve(&mut self) -> anyhow::Result<()> {
        self.poll()?;
        for handle in self.handles {
            let socket = self.sockets.get_mut::<Socket<'_>>(handle);
            if socket.may_send() && self.connected != Some(handle) {
                // The firmware has given up the connection before this one.
                if let Some(before) = self.connected.replace(handle) {
                    self.sockets.get_mut::<Socket<'_>>(before).abort();
                }
            } else if !socket.is_open() && self.manner != Manner::Refuses {
                socket.listen(PORT)?;
            }
        }
        self.answer()?;
        self.poll()
    }

    /// The readings that have arrived, in order.
    pub(super) fn ledger(&self) -> &[f64] {
        &self.ledger
    }

    /// How many readings have arrived once more.
    pub(super) const fn repeated(&self) -> usize {
        self.repeated
    }

    /// How many frames the board has sent so far.
    pub(super) fn frames(&mut self) -> anyhow::Result<usize> {
        self.wire.fill()?;
        Ok(self.wire.frames())
    }

    fn poll(&mut self) -> anyhow::Result<()> {
        self.wire.fill()?;
        self.interface.poll(Instant::now(), &mut self.wire, &mut self.sockets);
        Ok(())
    }

    fn answer(&mut self) -> anyhow::Result<()> {
        let Some(handle) = self.connected else { return Ok(()) };
        let socket = self.sockets.get_mut::<Socket<'_>>(handle);
        let mut arrived = false;
        while socket.recv_queue() >= BYTES {
            let mut reading = [0; BYTES];
            socket.recv_slice(&mut reading)?;
            let [a, b, c, d, temperature @ ..] = reading;
            let number = u32::from_be_bytes([a, b, c, d]) as usize;
            ensure!(number <= self.ledger.len(), "readings before {number} are lost");
            if number == self.ledger.len() {
                self.ledger.push(f64::from(i16::from_be_bytes(temperature)) / 256.0);
            } else {
                self.repeated += 1;
            }
            arrived = true;
        }
        if arrived && self.manner != Manner::Late && socket.may_send() {
            socket.send_slice(&(self.ledger.len() as u32).to_be_bytes())?;
            if self.manner == Manner::Kicks {
                socket.close();
            }
        }
        Ok(())
    }
}
