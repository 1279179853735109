//! What goes wrong with the store, and what the instances make of it.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::figures::Figures;
use crate::instance::Setup;
use crate::proxy::Way;
use crate::trial::Fleet;

/// For how long a busy machine may hold up a process.
const STALL: Duration = Duration::from_secs(10);

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

    /// Whether the instance at this place is without the store meanwhile. `None` if it may
    /// be: a full server takes what a script writes after it has deleted something.
    const fn silences(self, place: usize) -> Option<bool> {
        match self {
            Self::Wiped | Self::ClockAnHourOff => Some(false),
            Self::HalfCutOff => Some(place % 2 == 1),
            Self::Full => None,
            _ => Some(true),
        }
    }

    async fn begin(self, fleet: &mut Fleet) -> anyhow::Result<()> {
        let server = &mut fleet.server;
        match self {
            Self::Killed => server.kill(),
            Self::Stopped => server.signal("STOP"),
            Self::Wiped => server.command("FLUSHALL"),
            Self::Slow => fleet.set_ways(Way::Slow(Duration::from_secs(1))),
            Self::Full => server.command("CONFIG SET maxmemory 1"),
            Self::ClockAnHourOff => set_clock(fleet, 3_600).await,
            Self::HalfCutOff => fleet.cut(true),
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
            Self::Slow => fleet.set_ways(Way::Open),
            Self::HalfCutOff => fleet.cut(false),
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
        let as_meant =
            |place, silent| fault.silences(place).is_none_or(|silences| silences == (silent == 1));
        let (_, others) = fleet.until("silent", setup.interval * 8 + STALL, as_meant).await?;
        anyhow::ensure!(others == 0, "{name}: it does not silence {others} instances, or others");
        down = down.max(median(fleet.ask_all("p999").await?));

        fleet.upstream.forget();
        fleet.upstream.fail(true);
        let soon = setup.pause * 20 + setup.interval * 2 + STALL;
        let (opened, open) = fleet.until("closed", soon, |_, closed| closed == 0).await?;
        let failed = fleet.upstream.failed();
        if fault == Fault::Wiped {
            fault.begin(&mut fleet).await?;
        }
        fleet.upstream.fail(false);
        let served = fleet.ask_all("served").await?;
        let late = setup.open_for * 5 + setup.interval * 8 + STALL;
        let start = Instant::now();
        let (_, refused) = fleet.until("served", late, |n, now| now > served[n]).await?;
        let (_, open_still) = fleet.until("closed", late, |_, closed| closed == 1).await?;
        let closed = start.elapsed();

        fault.end(&mut fleet).await.context(name)?;
        let (took, silent) =
            fleet.until("silent", setup.interval * 10 + STALL, |_, silent| silent == 0).await?;
        let intervals = took.as_secs_f64() / setup.interval.as_secs_f64();
        println!(
            "{name}: all open after {opened:.2?} and {failed} failed calls, closed after \
             {closed:.2?}, back in the fleet after {intervals:.1} intervals"
        );
        slowest = slowest.max(intervals);
        unprotected += open;
        stuck += refused.max(open_still) + silent;
    }
    println!(
        "p99.9 of calls, in thousandths of a local breaker's: {up} with the store, {down} without"
    );
    figures.time_at_most("p999_store_down_over_up", down as f64 / up as f64, 1.1);
    figures.at_most("unprotected", unprotected as f64, 0.0);
    figures.at_most("stuck", stuck as f64, 0.0);
    figures.time_at_most("intervals_until_recovered", slowest, 3.0);
    Ok(())
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}
