//! The TCP connection to the collector.
//!
//! Nothing is sent or received but inside these functions: between them, the stack is not
//! polled.

use cortex_m::asm::wfi;
use defmt::Format;
use microbreaker::clock::{Clock, elapsed};
use mps2_an385::lan9118::Ethernet;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
use static_cell::ConstStaticCell;

use crate::MILLIS;
use crate::device::Device;

const ETHERNET_ADDRESS: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
const ADDRESS: IpAddress = IpAddress::v4(192, 168, 69, 2);
const COLLECTOR: (IpAddress, u16) = (IpAddress::v4(192, 168, 69, 1), 7_000);

/// The ports from which connections are made, one after the other.
const FIRST_PORT: u16 = 49_152;

/// How long each wait for the collector may take, in ticks.
const LIMIT: u32 = 600;

/// The bytes that may be on their way to the collector.
pub(crate) const MOST_BYTES: usize = 512;

/// Why a connection or an exchange failed.
#[derive(Clone, Copy, Format)]
pub(crate) enum Fault {
    /// The collector does not accept the connection.
    Refused,
    /// There was no answer within the limit.
    Late,
    /// The collector ended the connection.
    Ended,
}

pub(crate) struct Network {
    device: Device,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    /// Connections made so far.
    connections: u16,
}

impl Network {
    /// The network, which is there once.
    pub(crate) fn new() -> Self {
        static SOCKETS: ConstStaticCell<[SocketStorage<'static>; 1]> =
            ConstStaticCell::new([SocketStorage::EMPTY; 1]);
        static RECEIVED: ConstStaticCell<[u8; MOST_BYTES]> = ConstStaticCell::new([0; MOST_BYTES]);
        static TO_SEND: ConstStaticCell<[u8; MOST_BYTES]> = ConstStaticCell::new([0; MOST_BYTES]);

        let mut device = Device::new(Ethernet::new(ETHERNET_ADDRESS));
        let config = Config::new(EthernetAddress(ETHERNET_ADDRESS).into());
        let mut interface = Interface::new(config, &mut device, now());
        interface.update_ip_addrs(|addresses| {
            let Ok(()) = addresses.push(IpCidr::new(ADDRESS, 24)) else { unreachable!() };
        });
        let [received, to_send] = [RECEIVED.take(), TO_SEND.take()];
        let buffers = [received, to_send].map(|buffer| SocketBuffer::new(&mut buffer[..]));
        let [received, to_send] = buffers;
        let mut sockets = SocketSet::new(&mut SOCKETS.take()[..]);
        let socket = sockets.add(Socket::new(received, to_send));
        Self { device, interface, sockets, socket, connections: 0 }
    }

    /// Connects to the collector.
    pub(crate) fn connect(&mut self) -> Result<(), Fault> {
        self.disconnect();
        let port = FIRST_PORT + self.connections % (u16::MAX - FIRST_PORT);
        self.connections = self.connections.wrapping_add(1);
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        if socket.connect(self.interface.context(), COLLECTOR, port).is_err() {
            unreachable!("the socket is closed, and the addresses are valid");
        }
        self.wait(|socket| match socket.state() {
            State::Established => Some(Ok(())),
            State::Closed => Some(Err(Fault::Refused)),
            _ => None,
        })
    }

    /// Sends a `message` of at most [`MOST_BYTES`], for which there is room once every
    /// message before it has been answered, and returns the collector's answer.
    pub(crate) fn exchange<const N: usize>(&mut self, message: &[u8]) -> Result<[u8; N], Fault> {
        // The collector may have ended the connection since the last exchange.
        self.poll();
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        if !socket.may_recv() || socket.send_slice(message) != Ok(message.len()) {
            return Err(Fault::Ended);
        }
        self.wait(|socket| {
            if socket.recv_queue() >= N {
                let mut answer = [0; N];
                return Some(
                    socket.recv_slice(&mut answer).map(|_| answer).map_err(|_| Fault::Ended),
                );
            }
            (!socket.may_recv()).then_some(Err(Fault::Ended))
        })
    }

    /// Ends the connection, if there is one. The collector is told now, or never.
    pub(crate) fn disconnect(&mut self) {
        self.sockets.get_mut::<Socket<'_>>(self.socket).abort();
        self.poll();
    }

    /// Sleeps until `ready` returns something, for no longer than the limit.
    fn wait<T>(
        &mut self,
        mut ready: impl FnMut(&mut Socket<'static>) -> Option<Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let since = MILLIS.now();
        loop {
            self.poll();
            if let Some(result) = ready(self.sockets.get_mut(self.socket)) {
                return result;
            }
            if elapsed(MILLIS.now(), since) >= LIMIT {
                return Err(Fault::Late);
            }
            wfi();
        }
    }

    fn poll(&mut self) {
        self.interface.poll(now(), &mut self.device, &mut self.sockets);
    }
}

fn now() -> Instant {
    Instant::from_millis(MILLIS.now())
}
