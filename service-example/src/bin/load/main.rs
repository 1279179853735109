//! An open-loop load test of the service while its upstream fails and recovers, without
//! and with the breaker: `cargo xtask load`.

mod memory;
mod run;
mod table;

use std::time::Duration;

use clap::Parser;
use run::Guard;

#[derive(Parser)]
struct Options {
    /// How many seconds to send requests for, at least 6: one half without the breaker, the
    /// other with it
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(6..))]
    seconds: u32,
    /// Requests per second, sent whether or not earlier ones were answered
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
}

// On one thread, nothing happens between a call's admission and its count.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Options { seconds, rate } = Options::parse();
    let each = Duration::from_secs(seconds.into()) / 2;
    let without = run::run(Guard::None, each, rate).await?;
    let with = run::run(Guard::Breaker, each, rate).await?;
    table::print(&without);
    table::print(&with);
    run::check(&without, &with)?;
    memory::check()
}
