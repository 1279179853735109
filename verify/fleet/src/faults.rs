//! What goes wrong with the store, and what the instances make of it.

use std::time::Duration;

use anyhow::Context as _;

use crate::figures::Figures;
use crate::instance::Setup;
use crate::proxy::Way;
use crate::trial::Fleet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Killed,
    Stopped,
    Wiped,
    Slow,
    Full,
    ClockAnHourOff,
    HalfCutOff,
    PasswordChanged,
}

impl Fault {
    const ALL: [Self; 8] = [
        Self::Killed,
        Self::Stopped,
        Self::Wiped,
        Self::Slow,
        Self::Full,
        Self::ClockAnHourOff,
        Self::HalfCutOff,
        Self::PasswordChanged,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Stopped => "stopped",
            Self::Wiped => "wiped",
            Self::Slow => "slow",
            Self::Full => "full",
            Self::ClockAnHourOff => "clock_an_hour_off",
            Self::HalfCutOff => "half_cut_off",
            Self::PasswordChanged => "password_changed",
        }
    }

    /// Whether the instance at this place is without the store meanwhile.
    const fn concerns(self, place: usize) -> bool {
        match self {
            Self::Wiped | Self::ClockAnHourOff => false,
            Self::HalfCutOff => place % 2 == 1,
            _ => true,
        }
    }

    async fn begin(self, fleet: &mut Fleet) -> anyhow::Result<()> {
        let server = &mut fleet.server;
        match self {
            Self::Killed => server.kill(),
            Self::Stopped => server.signal("STOP"),
            Self::Wiped => server.command("FLUSHALL"),
            Self::Slow => {
                let slow = Way::Slow(Duration::from_secs(1).max(fleet.setup.interval));
                fleet.ways.iter().for_each(|way| way.set(slow));
                Ok(())
            }
            Self::Full => server.command("CONFIG SET maxmemory 1"),
            Self::ClockAnHourOff => set_clock(fleet, 3_600).await,
            Self::HalfCutOff => match &fleet.network {
                Some(network) => network.cut(true),
                None => {
                    fleet.ways[1].set(Way::Cut);
                    Ok(())
                }
            },
            Self::PasswordChanged => {
                server.command("ACL SETUSER fleet resetpass >another")?;
                server.command("CLIENT KILL USER fleet")
            }
        }
    }

    async fn end(self, fleet: &mut Fleet) -> anyhow::Result<()> {
        match self {
            Self::Killed => fleet.server.restart().await,
            Self::Stopped => fleet.server.signal("CONT"),
            Self::Wiped => Ok(()),
            Self::Full => fleet.server.command("CONFIG SET maxmemory 0"),
            // An hour back.
            Self::ClockAnHourOff => set_clock(fleet, 0).await,
            Self::PasswordChanged => fleet.server.command("ACL SETUSER fleet resetpass >trial"),
            Self::Slow | Self::HalfCutOff => {
                fleet.ways.iter().for_each(|way| way.set(Way::Open));
                fleet.network.as_ref().map_or(Ok(()), |network| network.cut(false))
            }
        }
    }
}

/// Sets it, and waits until the server has noticed.
async fn set_clock(fleet: &Fleet, ahead: u64) -> anyhow::Result<()> {
    fleet.server.set_clock(&format!("+{ahead}"))?;
    for _ in 0..200 {
        let real = crate::upstream::now() / 1_000;
        if fleet.server.time()?.abs_diff(real + ahead) < 60 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the server's clock is not {ahead} seconds ahead")
}

/// During each fault the upstream fails and comes back: every instance must open, and close
/// again, as the local breaker that it is, and hear of the fleet when the fault is over.
pub(crate) async fn faults(
    figures: &mut Figures,
    instances: usize,
    setup: &Setup,
) -> anyhow::Result<()> {
    let mut fleet = Fleet::start_on_two_ways(instances, setup).await?;
    fleet.settle().await?;
    let up = median(fleet.ask_all("p999").await?);
    let (mut down, mut unprotected, mut stuck, mut slowest) = (0_u64, 0, 0, 0.0_f64);
    for fault in Fault::ALL {
        let name = fault.name();
        fault.begin(&mut fleet).await.context(name)?;
        let (_, heard) = fleet
            .until("silent", setup.interval * 8, |n, silent| (silent == 1) == fault.concerns(n))
            .await?;
        anyhow::ensure!(
            heard == 0,
            "{name}: {heard} instances are not concerned, or should not be"
        );
        down = down.max(median(fleet.ask_all("p999").await?));

        fleet.upstream.forget();
        fleet.upstream.fail(true);
        let soon = setup.pause * 20 + setup.interval * 2;
        let (opened, open) = fleet.until("closed", soon, |_, closed| closed == 0).await?;
        let failed = fleet.upstream.failed();
        if fault == Fault::Wiped {
            fault.begin(&mut fleet).await?;
        }
        fleet.upstream.fail(false);
        let served = fleet.ask_all("served").await?;
        let late = setup.open_for * 5 + setup.interval * 8;
        let (_, still) = fleet.until("served", late, |n, now| now > served[n]).await?;
        let (closed, not_closed) = fleet.until("closed", late, |_, closed| closed == 1).await?;

        fault.end(&mut fleet).await.context(name)?;
        let (took, silent) =
            fleet.until("silent", setup.interval * 10, |_, silent| silent == 0).await?;
        let intervals = took.as_secs_f64() / setup.interval.as_secs_f64();
        println!(
            "{name}: all open after {opened:.2?} and {failed} failed calls, closed after \
             {closed:.2?}, back in the fleet after {intervals:.1} intervals"
        );
        slowest = slowest.max(intervals);
        unprotected += open;
        stuck += still.max(not_closed) + silent;
    }
    figures.at_most("p999_store_down_over_up", down as f64 / up as f64, 1.1);
    figures.at_most("unprotected", unprotected as f64, 0.0);
    figures.at_most("stuck", stuck as f64, 0.0);
    figures.at_most("intervals_until_recovered", slowest, 3.0);
    Ok(())
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}
