//! An open-loop load test of the service while its upstream fails and recovers, without
//! and with the breaker, and then while two of four instances of it do: `cargo xtask load`.

mod failover;
mod memory;
mod run;
mod table;

use std::time::Duration;

use clap::Parser;
use run::Guard;

#[derive(Parser)]
struct Options {
    /// How many seconds to send requests for, at least 9: a third without the breaker, a third
    /// with it, a third to an upstream of four instances
    #[arg(long, default_value_t = 75, value_parser = clap::value_parser!(u32).range(9..))]
    seconds: u32,
    /// Requests per second, sent whether or not earlier ones were answered
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
}

// On one thread, nothing happens between a call's admission and its count.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Options { seconds, rate } = Options::parse();
    let each = Duration::from_secs(seconds.into()) / 3;
    let without = run::run(Guard::None, each, rate).await?;
    let with = run::run(Guard::Breaker, each, rate).await?;
    table::print(&without);
    table::print(&with);
    run::check(&without, &with)?;
    failover::run(each, rate).await?;
    memory::check()
}
