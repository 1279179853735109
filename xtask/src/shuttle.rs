//! `cargo xtask shuttle`

use crate::models::{self, Limits};
use crate::tools;

/// Random schedules that are tried in all, unless told otherwise.
pub(crate) const SCHEDULES: u32 = 1_000_000;

/// Options of `cargo xtask shuttle`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Random schedules to try in all
    #[arg(long, value_name = "N", default_value_t = SCHEDULES)]
    pub(crate) schedules: u32,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let shell = tools::shell()?;
    let models = models::build(&shell, "shuttle", "microbreaker-shuttle", "target/shuttle")?;
    // The others try every schedule there is.
    let random = models.iter().filter(|model| model.to_string().starts_with("linearizable"));
    let each = options.schedules.div_ceil(random.count().max(1) as u32);
    println!("{each} random schedules for each model that tries some");
    models::report(&models, Limits { schedules: Some(each), ..Limits::default() })
}
