//! What a guarded call costs, side by side with lower bounds and with other crates:
//! `cargo xtask bench`.

pub mod adapter;
pub mod chart;
mod contender;
pub mod figures;
pub mod floors;
pub mod measure;
pub mod ours;
pub mod peers;
pub mod report;
mod scenario;
pub mod sweeps;
mod system;

pub use contender::{Calls, Contender, Failed, Reads, Side, work};
pub use scenario::Scenario;

/// All contenders, set up for `scenario`.
pub fn contenders(scenario: Scenario) -> Vec<Contender> {
    let mut all = floors::floors();
    if scenario == Scenario::Flapping {
        all.push(ours::flapping());
        all.extend(peers::flapping());
        return all;
    }
    all.extend(ours::breakers(scenario));
    all.push(adapter::handle(scenario));
    if scenario == Scenario::Healthy {
        all.push(adapter::reloaded());
    }
    all.extend(peers::peers(scenario));
    all
}
