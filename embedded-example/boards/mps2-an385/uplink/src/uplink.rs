//! The guarded uplink: connects, exchanges, and holds the permit until the connection has
//! proved stable.

use core::mem;

use defmt::info;
use microbreaker::clock::{Clock, ManualClock, elapsed};
use microbreaker::{Breaker, CallError, Config, Permit};
use mps2_an385::log::Log;

use crate::MILLIS;
use crate::network::{Fault, Network};
use crate::readings::Readings;

/// A connection that has lasted this long is stable.
const STABLE: u32 = 300;

type Gate = Breaker<(), &'static ManualClock, Log, &'static Config>;

pub(crate) static UPLINK: Gate = Breaker::in_flash(&POLICY, (), &MILLIS, Log("uplink"));

/// Two failures in a row, then 400 ms, and twice as long after each failed probe, up to
/// 1,600 ms; up to a fifth more, so that a fleet does not come back all at once. In a fleet,
/// every board would have a seed of its own.
///
/// A probe lasts until its connection is stable, so it must not be overdue before that.
const POLICY: Config = Config::new()
    .consecutive_failures(2)
    .open_for(400)
    .backoff(2, 1_600)
    .jitter(20, 1)
    .probe_timeout(30_000);

/// Where the connection is.
enum Connection {
    None,
    /// It has been there since that tick. The permit with which it was made covers whatever
    /// happens to it until it is stable.
    Proving {
        since: u32,
        permit: Permit<'static, Gate>,
    },
    Stable,
}

pub(crate) struct Uplink {
    network: Network,
    connection: Connection,
}

impl Uplink {
    pub(crate) const fn new(network: Network) -> Self {
        Self { network, connection: Connection::None }
    }

    /// Sends the oldest readings, after connecting if need be, and has those that the
    /// collector acknowledges forgotten.
    pub(crate) fn deliver(&mut self, readings: &mut Readings) -> Result<(), CallError<Fault>> {
        let (permit, since) = match mem::replace(&mut self.connection, Connection::None) {
            Connection::None => {
                let permit = UPLINK.try_acquire()?;
                if let Err(fault) = self.network.connect() {
                    return self.fail(permit, fault);
                }
                info!("uplink: connected");
                (permit, Some(MILLIS.now()))
            }
            Connection::Proving { since, permit } => (permit, Some(since)),
            Connection::Stable => (UPLINK.try_acquire()?, None),
        };
        match self.network.exchange(&readings.message()) {
            Ok(next) => readings.acknowledge(u32::from_be_bytes(next)),
            Err(fault) => return self.fail(permit, fault),
        }
        self.connection = match since {
            Some(since) if elapsed(MILLIS.now(), since) < STABLE => {
                Connection::Proving { since, permit }
            }
            _ => {
                if since.is_some() {
                    info!("uplink: stable");
                }
                permit.success();
                Connection::Stable
            }
        };
        Ok(())
    }

    fn fail(
        &mut self,
        permit: Permit<'static, Gate>,
        fault: Fault,
    ) -> Result<(), CallError<Fault>> {
        info!("uplink: {}", fault);
        // First: an open breaker lets no frame out.
        self.network.disconnect();
        permit.failure();
        Err(CallError::Failed(fault))
    }
}
