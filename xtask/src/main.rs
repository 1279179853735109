//! The commands of the project: `cargo xtask help` lists them.

mod api;
mod bench;
mod ci;
mod cores;
mod expect;
mod firmware;
mod footprint;
mod load;
mod loom;
mod models;
mod mutants;
mod packages;
mod page;
mod pictures;
mod scenarios;
mod shuttle;
mod stress;
mod tools;
mod weaken;

use clap::Parser;

/// The project's commands beside `cargo demo` and `cargo test`.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_flag = false)]
enum Command {
    /// Compare the public interfaces of both crates with core/api.txt and std-adapter/api.txt
    Api,
    /// Measure the breakers beside their floors and other crates
    Bench(bench::Options),
    /// Run everything that is checked before a change lands
    Ci(ci::Options),
    /// Run the firmware in QEMU with its sensor pulled out and plugged in, and compare its log
    Firmware(firmware::Options),
    /// Measure the flash, the RAM and the instructions that a breaker adds to firmware
    Footprint(footprint::Options),
    /// Put a service under load while its upstream goes bad, with and without the breaker
    Load(load::Options),
    /// Run the loom models: operations racing each other, exhaustively where that
    /// ends within minutes
    Loom(loom::Options),
    /// Change the core in a thousand ways, and list what its tests do not notice: takes hours
    Mutants(mutants::Options),
    /// Package the crates as for publishing, and build projects that use them
    Packages,
    /// Test the page that shows breakers in a real, headless browser
    Page,
    /// Draw the pictures of docs/policies.md
    Pictures,
    /// Replay step tables of other breakers' behaviour on the breaker and on the model
    Scenarios(scenarios::Options),
    /// Try random schedules of threads, and an interrupt at every step, each checked against the model
    Shuttle(shuttle::Options),
    /// Hammer breakers with every core of this machine, and check what must hold
    Stress,
    /// Weaken each memory ordering of the core, one at a time, and list those that no loom model misses
    Weaken(weaken::Options),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Api => api::run(),
        Command::Bench(options) => bench::run(&options),
        Command::Ci(options) => ci::run(&options),
        Command::Firmware(options) => firmware::run(&options),
        Command::Footprint(options) => footprint::run(&options),
        Command::Load(options) => load::run(&options),
        Command::Loom(options) => loom::run(&options),
        Command::Mutants(options) => mutants::run(&options),
        Command::Packages => packages::run(),
        Command::Page => page::run(&tools::shell()?),
        Command::Pictures => pictures::run(),
        Command::Scenarios(options) => scenarios::run(&options),
        Command::Shuttle(options) => shuttle::run(&options),
        Command::Stress => stress::run(),
        Command::Weaken(options) => weaken::run(&options),
    }
}
