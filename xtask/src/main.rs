//! The project's commands: `cargo xtask help` lists them.

mod api;
mod bench;
mod ci;
mod cores;
mod expect;
mod firmware;
mod fleet;
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
mod soak;
mod stress;
mod tools;
mod wasm;
mod weaken;

use clap::Parser;

/// The project's commands, besides `cargo demo` and `cargo test`.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_flag = false)]
enum Command {
    /// Compare the public APIs of both crates with core/api.txt and std-adapter/api.txt
    Api,
    /// Measure what a guarded call costs, side by side with lower bounds and other crates
    Bench(bench::Options),
    /// Run every check that a change must pass
    Ci(ci::Options),
    /// Run the example firmware in QEMU, unplug its sensor and plug it in again, and check its log
    Firmware(firmware::Options),
    /// Let processes find out together that an upstream fails, with one redis-server
    Fleet(fleet::Options),
    /// Measure the flash, RAM and instructions that a breaker adds to firmware
    Footprint(footprint::Options),
    /// Put the example service under load while its upstream fails, without and with the breaker
    Load(load::Options),
    /// Run the loom models: racing operations, exhaustively where that takes only minutes
    Loom(loom::Options),
    /// Change the core in a thousand ways, and list the changes that no test catches (takes hours)
    Mutants(mutants::Options),
    /// Package the crates as for publishing, and build projects that use the packages
    Packages,
    /// Test the dashboard in a headless browser
    Page,
    /// Draw the pictures of docs/policies.md
    Pictures,
    /// Replay scenarios, the behaviours of other breakers, on the breaker and on the model
    Scenarios(scenarios::Options),
    /// Run random schedules of threads, and an interrupt at every step, against the model
    Shuttle(shuttle::Options),
    /// Serve two days on a virtual clock: four threads call, reload, command and evict, and each
    /// moment is checked
    Soak(soak::Options),
    /// Hammer breakers with every core of this machine, and check the invariants
    Stress,
    /// Run the adapter's tests of its clock on wasm32-unknown-unknown, which has none, in node
    Wasm,
    /// Weaken the core's memory orderings one at a time, and list those that no loom model needs
    Weaken(weaken::Options),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Api => api::run(),
        Command::Bench(options) => bench::run(&options),
        Command::Ci(options) => ci::run(&options),
        Command::Firmware(options) => firmware::run(&options),
        Command::Fleet(options) => fleet::run(&tools::shell()?, &options),
        Command::Footprint(options) => footprint::run(&options),
        Command::Load(options) => load::run(&options),
        Command::Loom(options) => loom::run(&options),
        Command::Mutants(options) => mutants::run(&options),
        Command::Packages => packages::run(),
        Command::Page => page::run(&tools::shell()?),
        Command::Pictures => pictures::run(),
        Command::Scenarios(options) => scenarios::run(&options),
        Command::Shuttle(options) => shuttle::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Stress => stress::run(),
        Command::Wasm => wasm::run(),
        Command::Weaken(options) => weaken::run(&options),
    }
}
