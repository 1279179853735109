//! `cargo xtask shuttle`: runs shuttle's models.

use crate::models::{self, Limits, Model};
use crate::tools;

/// How many random schedules to run in total, by default.
pub(crate) const SCHEDULES: u32 = 500_000;

/// Options of `cargo xtask shuttle`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many random schedules to run in total
    #[arg(long, value_name = "N", default_value_t = SCHEDULES)]
    pub(crate) schedules: u32,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let shell = tools::shell()?;
    let models = models::build(&shell, "shuttle", "microbreaker-shuttle", "target/shuttle")?;
    // The others run every schedule that they define.
    let is_random = |model: &&Model| {
        let files = ["failover::", "history::", "linearizable::", "moving_clock::", "waiters::"];
        files.iter().any(|file| model.to_string().starts_with(file))
    };
    let random = models.iter().filter(is_random);
    let each = options.schedules.div_ceil(random.count().max(1) as u32);
    println!("{each} random schedules for each random model");
    models::report(&models, Limits { schedules: Some(each), ..Limits::default() })
}
