//! Many processes behind breakers of one fleet, one server, and an upstream that fails:
//! `cargo xtask fleet` runs this and prints its figures.

mod chart;
mod cost;
mod growth;
mod instance;
mod price;
mod server;
mod simulation;
mod trial;
mod upstream;

use std::time::Duration;

use trial::{Fleet, Setup};

/// How long each part takes, and how many processes take part.
struct Extent {
    instances: usize,
    rounds: usize,
    calm: Duration,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [mode, rest @ ..] = &*arguments
        && mode == "instance"
    {
        return instance::run(rest).await;
    }
    if let [mode, rest @ ..] = &*arguments
        && mode == "simulate"
    {
        return growth::run(rest).await;
    }
    tokio::task::LocalSet::new().run_until(conduct(&arguments)).await
}

async fn conduct(arguments: &[String]) -> anyhow::Result<()> {
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let extent = if quick {
        Extent { instances: 10, rounds: 20, calm: Duration::from_secs(4) }
    } else {
        Extent { instances: 50, rounds: 1_000, calm: Duration::from_secs(15) }
    };
    println!("{} processes", extent.instances);
    cost::call_cost().await?;
    doomed_calls(&extent).await?;
    innocent_refusals(&extent).await?;
    probes(&extent).await?;
    faults(&extent).await
}

/// A dead upstream is found by rare calls, alone and together.
async fn doomed_calls(extent: &Extent) -> anyhow::Result<()> {
    let rare = Setup {
        pause: Duration::from_secs(5),
        open_for: Duration::from_secs(60),
        ..Setup::default()
    };
    let mut found = Vec::new();
    for together in [true, false] {
        let setup = Setup { together, ..rare.clone() };
        let mut fleet = Fleet::start(extent.instances, &setup).await?;
        // One call of each that succeeds, so that there is traffic.
        fleet.settle().await?;
        fleet.upstream.fail(true);
        if together {
            let opened =
                fleet.until_all(Duration::from_secs(90), |line| line.starts_with("open ")).await?;
            let quorum = fleet.upstream.quorum_failed(extent.instances.div_ceil(5).max(2), 5);
            let mut delays: Vec<_> = opened.iter().map(|at| at.saturating_sub(quorum)).collect();
            delays.sort_unstable();
            println!("figure propagation_p99_ms {}", delays[(delays.len() - 1) * 99 / 100]);
            println!(
                "figure doomed_calls_{}_instances {}",
                extent.instances,
                fleet.upstream.failed()
            );
        } else if extent.instances < 50 {
            continue;
        } else {
            // Each needs five calls of its own, five seconds apart.
            fleet.until_all(Duration::from_secs(90), |line| line.starts_with("open ")).await?;
            println!("figure doomed_calls_alone {}", fleet.upstream.failed());
        }
        found.push(fleet.upstream.failed());
        let touching = fleet.sum("touching").await?;
        if together {
            println!("figure calls_touching_the_store {touching}");
        }
    }
    Ok(())
}

/// One whose own path is broken.
async fn innocent_refusals(extent: &Extent) -> anyhow::Result<()> {
    let setup = Setup { pause: Duration::from_millis(200), ..Setup::default() };
    let mut fleet = Fleet::start(extent.instances, &setup).await?;
    fleet.settle().await?;
    fleet.upstream.fail_for("0");
    tokio::time::sleep(extent.calm).await;
    let refused = fleet.ask_all("refused").await?;
    anyhow::ensure!(refused[0] > 0, "the one whose path is broken was never refused");
    println!("figure innocent_refusals {}", refused[1..].iter().sum::<u64>());
    Ok(())
}

/// Rounds of probes into a dead upstream, four tasks in each process, holders killed.
async fn probes(extent: &Extent) -> anyhow::Result<()> {
    let setup = Setup {
        pause: Duration::from_millis(20),
        open_for: Duration::from_millis(200),
        interval: Duration::from_millis(100),
        tasks: 4,
        ..Setup::default()
    };
    let mut fleet = Fleet::start(extent.instances.min(20), &setup).await?;
    fleet.settle().await?;
    fleet.upstream.fail(true);
    fleet.until_all(Duration::from_secs(30), |line| line.starts_with("open ")).await?;
    fleet.upstream.hold(Duration::from_millis(30));
    // What was under way when the last one opened.
    tokio::time::sleep(Duration::from_millis(200)).await;
    fleet.upstream.forget();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(900);
    let mut killed = 0;
    while fleet.upstream.failed() < extent.rounds as u64 {
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "the probes have stopped");
        tokio::time::sleep(Duration::from_millis(50)).await;
        // Every tenth probe loses its process in the middle.
        if fleet.upstream.failed() / 10 > killed
            && let Some(name) = fleet.upstream.calling()
        {
            fleet.replace(&name).await?;
            killed += 1;
        }
    }
    println!("figure probe_rounds {}", fleet.upstream.failed());
    println!("figure probe_holders_killed {killed}");
    println!("figure probes_over_limit {}", fleet.upstream.most_at_once().saturating_sub(1));
    Ok(())
}

/// The server is killed, stopped, wiped, and comes back.
async fn faults(extent: &Extent) -> anyhow::Result<()> {
    let setup = Setup { pause: Duration::from_millis(50), ..Setup::default() };
    let mut fleet = Fleet::start(extent.instances.min(20), &setup).await?;
    fleet.settle().await?;
    let before = fleet.ask_all("p999").await?;
    let mut stuck = 0;
    for fault in ["killed", "stopped", "wiped"] {
        match fault {
            "killed" => fleet.server.kill()?,
            "stopped" => fleet.server.signal("STOP")?,
            _ => fleet.server.wipe().await?,
        }
        tokio::time::sleep(extent.calm).await;
        let served = fleet.ask_all("served").await?;
        if fault == "killed" {
            let mut ratios: Vec<_> = fleet
                .ask_all("p999")
                .await?
                .iter()
                .zip(&before)
                .map(|(down, up)| *down as f64 / *up as f64)
                .collect();
            ratios.sort_by(f64::total_cmp);
            println!("figure p999_store_down_over_up {:.2}", ratios[ratios.len() / 2]);
            fleet.server.restart().await?;
        } else if fault == "stopped" {
            fleet.server.signal("CONT")?;
        }
        // Three intervals, and one for the breaker of the connection.
        tokio::time::sleep(setup.interval * 4).await;
        let later = fleet.ask_all("served").await?;
        let still = served.iter().zip(&later).filter(|(before, after)| after <= before).count();
        let silent = fleet.ask_all("silent").await?.iter().sum::<u64>();
        println!("{fault}: {still} serve no calls, {silent} do not hear of the fleet afterwards");
        stuck += still as u64 + silent;
    }
    println!("figure stuck {stuck}");
    Ok(())
}
