//! What a guarded call costs, side by side with lower bounds and with other crates:
//! `cargo xtask bench`.

pub mod adapter;
pub mod chart;
mod contender;
pub mod figures;
pub mod floors;
pub mod lookups;
pub mod measure;
pub mod ours;
pub mod peers;
pub mod report;
mod scenario;
pub mod sweeps;
mod system;
pub mod tail;

pub use contender::{Calls, Contender, Failed, Reads, Side, work};
pub use scenario::Scenario;

/// All contenders, set up for `scenario`.
pub fn contenders(scenario: Scenario) -> Vec<Contender> {
    let mut all = floors::floors();
    match scenario {
        Scenario::Flapping => {
            all.push(ours::flapping());
            all.extend(peers::flapping());
            return all;
        }
        Scenario::Futures => {
            all.extend(adapter::futures());
            all.extend(peers::futures());
            return all;
        }
        Scenario::Services => {
            all.push(adapter::service());
            all.extend(peers::services());
            return all;
        }
        Scenario::LookUp => return lookups::contenders(),
        Scenario::Healthy | Scenario::Failing1 | Scenario::Failing10 | Scenario::Open => {}
    }
    all.extend(ours::breakers(scenario));
    all.extend(adapter::handles(scenario));
    if scenario == Scenario::Healthy {
        all.push(adapter::reloaded());
    }
    all.extend(peers::peers(scenario));
    all
}
