//! Many processes behind breakers of one fleet, one server, and an upstream that fails:
//! `cargo xtask fleet` runs this and prints its figures.

mod chart;
mod cost;
mod faults;
mod figures;
mod growth;
mod instance;
mod network;
mod price;
mod proxy;
mod server;
mod simulation;
mod trial;
mod upstream;

use std::time::Duration;

use figures::Figures;
use instance::Setup;
use trial::Fleet;

/// How long each part takes, and how many processes take part.
struct Extent {
    instances: usize,
    rounds: u64,
    calm: Duration,
    /// Between two calls of those that call rarely.
    rare: Duration,
    /// What the faults are shown to.
    faulty: (usize, Setup),
}

impl Extent {
    fn full() -> Self {
        let setup = Setup {
            pause: Duration::from_millis(50),
            open_for: Duration::from_secs(2),
            ..Setup::default()
        };
        Self {
            instances: 50,
            rounds: 1_000,
            calm: Duration::from_secs(15),
            rare: Duration::from_secs(5),
            faulty: (20, setup),
        }
    }

    fn quick() -> Self {
        let setup = Setup {
            pause: Duration::from_millis(20),
            open_for: Duration::from_millis(500),
            interval: Duration::from_millis(400),
            ..Setup::default()
        };
        Self {
            instances: 10,
            rounds: 20,
            calm: Duration::from_secs(3),
            rare: Duration::from_secs(2),
            faulty: (6, setup),
        }
    }
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    // It forks, so there must be no runtime yet.
    if let [mode, orders] = &*arguments
        && mode == "instance"
    {
        return instance::run(orders);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let [mode, rest @ ..] = &*arguments
        && mode == "simulate"
    {
        return runtime.block_on(growth::run(rest));
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    runtime.block_on(tokio::task::LocalSet::new().run_until(conduct(quick)))
}

async fn conduct(quick: bool) -> anyhow::Result<()> {
    let extent = if quick { Extent::quick() } else { Extent::full() };
    // A quick run is for machines that do other things too.
    let mut figures = Figures::new(!quick);
    println!("{} processes", extent.instances);
    cost::call_cost(&mut figures)?;
    dead_upstream(&mut figures, &extent, true).await?;
    if !quick {
        dead_upstream(&mut figures, &extent, false).await?;
        dead_upstream_alone(&mut figures, &extent).await?;
    }
    innocent_refusals(&mut figures, &extent).await?;
    probes(&mut figures, &extent).await?;
    let (instances, setup) = &extent.faulty;
    faults::faults(&mut figures, *instances, setup).await?;
    figures.end()
}

/// A dead upstream is found by rare calls.
fn rare(extent: &Extent) -> Setup {
    Setup { pause: extent.rare, open_for: Duration::from_secs(60), ..Setup::default() }
}

async fn dead_upstream(figures: &mut Figures, extent: &Extent, hints: bool) -> anyhow::Result<()> {
    let setup = Setup { hints, ..rare(extent) };
    let mut fleet = Fleet::start(extent.instances, &setup).await?;
    // One call of each that succeeds, so that there is traffic.
    fleet.settle().await?;
    fleet.upstream.fail(true);
    let opened = fleet.until_all(Duration::from_secs(90), is_opening).await?;
    let quorum = fleet.upstream.quorum_failed(extent.instances.div_ceil(5).max(2), 5);
    let mut delays: Vec<_> = opened.iter().map(|at| at.saturating_sub(quorum)).collect();
    delays.sort_unstable();
    let p99 = delays[(delays.len() - 1) * 99 / 100] as f64;
    if hints {
        figures.time_at_most("propagation_p99_ms", p99, 200.0);
        let name = format!("doomed_calls_{}_instances", extent.instances);
        figures.at_most(&name, fleet.upstream.failed() as f64, 30.0);
        let touching = fleet.sum("touching").await?;
        figures.at_most("calls_touching_the_store", touching as f64, 0.0);
    } else {
        let bound = setup.interval.as_secs_f64() * 1_500.0;
        figures.time_at_most("propagation_p99_ms_without_hints", p99, bound);
    }
    Ok(())
}

/// Each needs five calls of its own.
async fn dead_upstream_alone(figures: &mut Figures, extent: &Extent) -> anyhow::Result<()> {
    let mut fleet =
        Fleet::start(extent.instances, &Setup { together: false, ..rare(extent) }).await?;
    fleet.settle().await?;
    fleet.upstream.fail(true);
    fleet.until_all(Duration::from_secs(90), is_opening).await?;
    figures.show("doomed_calls_alone", fleet.upstream.failed());
    Ok(())
}

fn is_opening(line: &str) -> bool {
    line.starts_with("open ")
}

/// One whose own path is broken.
async fn innocent_refusals(figures: &mut Figures, extent: &Extent) -> anyhow::Result<()> {
    let setup = Setup { pause: Duration::from_millis(200), ..Setup::default() };
    let mut fleet = Fleet::start(extent.instances, &setup).await?;
    fleet.settle().await?;
    fleet.upstream.fail_for("0");
    tokio::time::sleep(extent.calm).await;
    let refused = fleet.ask_all("refused").await?;
    anyhow::ensure!(refused[0] > 0, "the one whose path is broken was never refused");
    figures.at_most("innocent_refusals", refused[1..].iter().sum::<u64>() as f64, 0.0);
    Ok(())
}

/// Rounds of probes into a dead upstream: threads and forks call, and holders are killed.
async fn probes(figures: &mut Figures, extent: &Extent) -> anyhow::Result<()> {
    let setup = Setup {
        pause: Duration::from_millis(20),
        open_for: Duration::from_millis(200),
        interval: Duration::from_millis(100),
        threads: 4,
        forks: true,
        ..Setup::default()
    };
    let mut fleet = Fleet::start(extent.instances.min(10), &setup).await?;
    fleet.settle().await?;
    fleet.upstream.fail(true);
    let (_, closed) =
        fleet.until("closed", Duration::from_secs(30), |_, closed| closed == 0).await?;
    anyhow::ensure!(closed == 0, "{closed} instances do not open");
    fleet.upstream.hold(Duration::from_millis(30));
    // What was under way when the last one opened, in a fork too.
    tokio::time::sleep(Duration::from_millis(500)).await;
    fleet.upstream.forget();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(900);
    let (mut turns, mut killed, mut forks) = (0, 0, 0);
    while fleet.upstream.failed() < extent.rounds {
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "the probes have stopped");
        tokio::time::sleep(Duration::from_millis(5)).await;
        // Every tenth probe loses its process in the middle.
        if fleet.upstream.failed() / 10 > turns
            && let Some(name) = fleet.upstream.calling()
        {
            turns = fleet.upstream.failed() / 10;
            killed += u64::from(fleet.replace(&name).await?);
            forks += u64::from(name.ends_with("/fork"));
        }
    }
    figures.show("probe_rounds", fleet.upstream.failed());
    figures.show("probe_holders_killed", killed);
    figures.show("probe_holders_killed_that_were_forks", forks);
    let over = fleet.upstream.most_at_once().saturating_sub(1);
    figures.at_most("probes_over_limit", over as f64, 0.0);
    Ok(())
}
